// The test of tests: threads increment counters in a region while another thread flushes, evicts,
// pins, prefaults and discards all the time. An increment that is not in the file at the end is
// lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "test/engine_fixture.h"
#include "test/expect.h"

namespace umap::test {

// How long a test under load runs: its own time, a third of it with UMAP_TEST_BRIEF, or what
// UMAP_TEST_SECONDS says for all such tests.
inline int64_t LoadTimeNs(int64_t milliseconds) {
  const char* text = std::getenv("UMAP_TEST_SECONDS");
  const int64_t seconds = text ? std::atoll(text) : 0;
  if (seconds > 0) return seconds * 1'000'000'000;
  return milliseconds * 1'000'000 / (std::getenv("UMAP_TEST_BRIEF") != nullptr ? 3 : 1);
}

struct CounterRun {
  uint64_t page_bytes = 4096;
  uint64_t budget_pages = 6;
  int64_t read_ahead_pages_max = 0;
  bool direct = false;
  int64_t milliseconds = 400;
};

struct CounterResult {
  uint64_t incremented = 0;
  uint64_t in_the_file = 0;
  // Discarded pages that were not what was written after the discard.
  uint64_t wrong_after_discard = 0;
  uint64_t resident_bytes_max = 0;
};

// The upper quarter of the pages is discarded, the others hold the counters, one line a thread.
class Counters {
 public:
  explicit Counters(const CounterRun& run)
      : run_(run),
        pages_(run.page_bytes > 65536 ? 16 : 64),
        file_(pages_ * run.page_bytes, false) {}

  CounterResult Run() {
    const auto buffer = BufferOf(run_.budget_pages * run_.page_bytes);
    {
      Mapped region(file_, buffer, {.page_bytes = run_.page_bytes,
                                    .read_ahead_pages_max = run_.read_ahead_pages_max,
                                    .direct = run_.direct});
      std::vector<std::thread> threads;
      for (uint64_t t = 0; t < kThreads; t++) {
        threads.emplace_back([&, t] { Increment(region, t); });
      }
      std::thread operations([&] { Operate(region); });
      const timespec time = {LoadTimeNs(run_.milliseconds) / 1'000'000'000,
                             LoadTimeNs(run_.milliseconds) % 1'000'000'000};
      nanosleep(&time, nullptr);
      done_ = true;
      for (auto& thread : threads) thread.join();
      operations.join();
    }
    result_.incremented = incremented_;
    for (uint64_t page = 0; page < CounterPages(); page++) {
      for (uint64_t t = 0; t < kThreads; t++) {
        result_.in_the_file += file_.Read(page * run_.page_bytes + LineOf(t) * 8);
      }
    }
    result_.resident_bytes_max = StatsOf(*buffer).resident_bytes_max;
    return result_;
  }

 private:
  static constexpr uint64_t kThreads = 4;

  uint64_t CounterPages() const { return pages_ / 4 * 3; }
  // Threads write to different system pages of a large page, and to the same of a small one.
  uint64_t LineOf(uint64_t thread) const {
    return thread * (run_.page_bytes / kThreads / 8 / 8 * 8) + thread;
  }

  void Increment(const Mapped& region, uint64_t thread) {
    std::mt19937_64 random(Seed() + thread);
    auto* counters = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
    const uint64_t words_per_page = run_.page_bytes / 8;
    uint64_t count = 0;
    for (uint64_t page = 0; !done_; count++) {
      // Runs of neighbours among the jumps, so that read-ahead has something to do.
      page = random() % 8 == 0 ? random() % CounterPages() : (page + 1) % CounterPages();
      counters[page * words_per_page + LineOf(thread)].fetch_add(1);
    }
    incremented_ += count;
  }

  void Operate(Mapped& region) {
    std::mt19937_64 random(Seed() + 99);
    while (!done_) {
      const uint64_t first = random() % CounterPages();
      const uint64_t count = 1 + random() % (CounterPages() - first);
      const ByteRange range = {first * run_.page_bytes, count * run_.page_bytes};
      switch (random() % 6) {
        case 0: CHECK(region.Flush(range).ok()); break;
        case 1: CHECK(region.Evict(range).ok()); break;
        case 2: CHECK(region.Prefault(range).ok()); break;
        case 3: CHECK(region.Flush().ok()); break;
        case 4: PinForAMoment(region, first * run_.page_bytes); break;
        case 5: DiscardOne(region, random()); break;
      }
    }
  }

  void PinForAMoment(Mapped& region, uint64_t offset) {
    const ByteRange page = {offset, 1};
    if (!Pin(region.region(), page).ok()) return;
    CHECK(region.Evict(page).ok());
    Unpin(region.region(), page);
  }

  void DiscardOne(Mapped& region, uint64_t value) {
    const uint64_t page = CounterPages() + value % (pages_ - CounterPages());
    auto* words = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
    auto& word = words[page * run_.page_bytes / 8 + 5];
    CHECK(region.Discard({page * run_.page_bytes, run_.page_bytes}).ok());
    result_.wrong_after_discard += word.load() != 0;
    word.store(value);
    CHECK(region.Evict({page * run_.page_bytes, run_.page_bytes}).ok());
    result_.wrong_after_discard += word.load() != value;
  }

  const CounterRun run_;
  const uint64_t pages_;
  const DataFile file_;
  std::atomic<bool> done_{false};
  std::atomic<uint64_t> incremented_{0};
  CounterResult result_;
};

}  // namespace umap::test
