// Random touches: threads read words all over a file that is larger than the memory, so that most
// touches fault and every fault has to evict. Each word is compared with what the file holds there.
// With --writable each word is turned over as well, and everything is durable at the end; with
// --announce the next pages are announced in batches.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

// Touches between two looks at the clock.
constexpr uint64_t kBatch = 16;

void Verify(const uint8_t* data, uint64_t offset) {
  const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(data + offset);
  if (word != WordAt(offset / kWordBytes)) Fail("wrong bytes at offset %lu", offset);
}

// A word that was turned over an odd number of times is the complement of what the file held.
void TurnOver(uint8_t* data, uint64_t offset) {
  auto* const word = reinterpret_cast<volatile uint64_t*>(data + offset);
  const uint64_t before = *word;
  const uint64_t expected = WordAt(offset / kWordBytes);
  if (before != expected && before != ~expected) Fail("wrong bytes at offset %lu", offset);
  *word = ~before;
}

// Where the words of one thread are: no two threads write to one word.
class Places {
 public:
  Places(const Options& options, uint64_t thread)
      : random_(options.seed * 1000 + thread),
        thread_(thread),
        threads_(options.threads),
        end_(options.file_bytes / kWordBytes / options.threads) {}

  uint64_t NextOffset() { return (random_.Below(end_) * threads_ + thread_) * kWordBytes; }

 private:
  Random random_;
  uint64_t thread_;
  uint64_t threads_;
  uint64_t end_;
};

uint64_t TouchUntil(uint8_t* data, bool writes, Places places, int64_t end_ns) {
  uint64_t touches = 0;
  do {
    for (uint64_t i = 0; i < kBatch; i++) {
      const uint64_t offset = places.NextOffset();
      if (writes) {
        TurnOver(data, offset);
      } else {
        Verify(data, offset);
      }
    }
    touches += kBatch;
  } while (NowNs() < end_ns);
  return touches;
}

// The next batch is announced before this one is touched.
uint64_t TouchAnnouncedUntil(Memory& memory, uint64_t batch_pages, Places places, int64_t end_ns) {
  std::vector<uint64_t> offsets(batch_pages), next(batch_pages);
  const auto announce_next = [&] {
    for (uint64_t& offset : next) offset = places.NextOffset();
    memory.Announce(next);
  };
  announce_next();
  uint64_t touches = 0;
  do {
    offsets.swap(next);
    announce_next();
    for (const uint64_t offset : offsets) Verify(memory.data(), offset);
    touches += batch_pages;
  } while (NowNs() < end_ns);
  memory.Settle();
  return touches;
}

}  // namespace

void RunRandom(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  // 1. A full buffer.
  memory->BeginRandom(std::min(options.buffer_bytes, options.file_bytes));
  // 2. The touches.
  const int64_t started_ns = NowNs();
  const int64_t end_ns = started_ns + static_cast<int64_t>(options.milliseconds) * 1'000'000;
  std::atomic<uint64_t> touches{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < options.threads; i++) {
    threads.emplace_back([&, i] {
      const Places places(options, i);
      touches += options.announce == 0
                     ? TouchUntil(memory->data(), options.writable, places, end_ns)
                     : TouchAnnouncedUntil(*memory, options.announce, places, end_ns);
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (options.writable) memory->Flush();
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  memory->Check();
  std::printf("{\"touchesPerSecond\":%.1f}\n", static_cast<double>(touches.load()) / seconds);
}

}  // namespace umap::bench
