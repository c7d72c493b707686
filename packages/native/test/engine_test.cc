// What a region promises, over a real file and through a buffer that is much smaller.
#include <atomic>
#include <random>
#include <thread>

#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(reads_what_the_store_holds) {
  for (const uint64_t page_bytes : {4096ul, 16384ul, 65536ul, 2097152ul, 8388608ul}) {
    for (const bool writable : {false, true}) {
      const DataFile file(32 * kMiB);
      Mapped region(file, BufferOf(std::max<uint64_t>(4 * kMiB, 2 * page_bytes)),
                    {.page_bytes = page_bytes, .writable = writable});
      uint64_t wrong = 0;
      for (uint64_t i = 0; i < region.bytes() / 8; i += 61) {
        wrong += region.words()[i] != DataFile::WordAt(i * 8);
      }
      EXPECT_EQ(wrong, 0u);
    }
  }
}

TEST(writes_reach_the_store_through_a_small_buffer) {
  for (const uint64_t page_bytes : {4096ul, 65536ul, 2097152ul}) {
    const DataFile file(16 * kMiB);
    {
      Mapped region(file, BufferOf(std::max<uint64_t>(kMiB, 2 * page_bytes)),
                    {.page_bytes = page_bytes});
      for (uint64_t i = 0; i < region.bytes() / 8; i += 64) region.words()[i] = i;
      for (uint64_t i = 1; i < region.bytes() / 8; i += 64) {
        region.words()[i] = region.words()[i] + 1;
      }
      uint64_t wrong = 0;
      for (uint64_t i = 0; i < region.bytes() / 8; i += 64) wrong += region.words()[i] != i;
      EXPECT_EQ(wrong, 0u);
    }
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < file.bytes() / 8; i += 64) {
      wrong += file.Read(i * 8) != i;
      wrong += file.Read(i * 8 + 8) != DataFile::WordAt(i * 8 + 8) + 1;
    }
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(residency_never_exceeds_the_budget) {
  const DataFile file(64 * kMiB);
  for (const bool writable : {false, true}) {
    const auto buffer = BufferOf(2 * kMiB);
    Mapped region(file, buffer, {.page_bytes = 65536, .writable = writable});
    std::mt19937_64 random(Seed());
    for (int i = 0; i < 6000; i++) {
      const uint64_t word = random() % (region.bytes() / 8);
      if (writable && i % 3 == 0) {
        region.words()[word] = region.words()[word];
      } else {
        (void)region.words()[word];
      }
    }
    EXPECT_LE(StatsOf(*buffer).resident_bytes_max, 2 * kMiB);
    EXPECT_GT(region.stats().evictions, 0u);
  }
}

TEST(a_buffer_of_two_pages_is_enough) {
  const DataFile file(kMiB);
  Mapped region(file, BufferOf(2 * 4096), {.page_bytes = 4096});
  for (uint64_t i = 0; i < region.bytes() / 8; i += 100) region.words()[i] = region.words()[i] + 1;
  EXPECT_OK(region.Flush());
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < file.bytes() / 8; i += 100) {
    wrong += file.Read(i * 8) != DataFile::WordAt(i * 8) + 1;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(no_update_is_lost_while_pages_are_written_back_and_evicted) {
  constexpr int kThreads = 4;
  constexpr uint64_t kPages = 64;
  constexpr uint64_t kRounds = 20000;
  const DataFile file(kPages * 4096, false);
  {
    Mapped region(file, BufferOf(16 * 4096), {.page_bytes = 4096});
    std::atomic<bool> done{false};
    std::thread flusher([&] {
      while (!done) CHECK(region.Flush().ok());
    });
    std::thread evictor([&] {
      while (!done) CHECK(region.Evict().ok());
    });
    std::vector<std::thread> writers;
    for (int t = 0; t < kThreads; t++) {
      writers.emplace_back([&, t] {
        std::mt19937_64 random(Seed() + static_cast<uint64_t>(t));
        auto* counters = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
        for (uint64_t i = 0; i < kRounds; i++) {
          counters[random() % kPages * 512 + static_cast<uint64_t>(t)].fetch_add(1);
        }
      });
    }
    for (auto& writer : writers) writer.join();
    done = true;
    flusher.join();
    evictor.join();
  }
  uint64_t sum = 0;
  for (uint64_t page = 0; page < kPages; page++) {
    for (uint64_t t = 0; t < kThreads; t++) sum += file.Read(page * 4096 + t * 8);
  }
  EXPECT_EQ(sum, kThreads * kRounds);
}

TEST(discard_makes_a_hole_that_reads_as_zeros) {
  const DataFile file(kMiB);
  Mapped region(file, BufferOf(kMiB), {.page_bytes = 65536});
  region.words()[65536 / 8] = 42;
  EXPECT_OK(region.Discard({65536 - 8, 65536 * 2 + 16}));
  EXPECT_EQ(region.words()[0], DataFile::WordAt(0));
  EXPECT_EQ(region.words()[65536 / 8 - 1], 0u);
  EXPECT_EQ(region.words()[65536 / 8], 0u);
  EXPECT_EQ(region.words()[65536 * 3 / 8], 0u);
  EXPECT_EQ(region.words()[65536 * 3 / 8 + 1], DataFile::WordAt(65536 * 3 + 8));
  EXPECT_OK(region.Flush());
  EXPECT_EQ(file.Read(65536), 0u);
  EXPECT_EQ(file.Read(65536 * 3), 0u);
}

TEST(pinned_pages_stay) {
  const DataFile file(4 * kMiB);
  Mapped region(file, BufferOf(256 * 1024), {.page_bytes = 4096});
  EXPECT_OK(Pin(region.region(), {0, 64 * 1024}));
  for (uint64_t i = 0; i < region.bytes() / 8; i += 512) (void)region.words()[i];
  const uint64_t faults = region.stats().faults;
  for (uint64_t i = 0; i < 64 * 1024 / 8; i += 512) (void)region.words()[i];
  EXPECT_EQ(region.stats().faults, faults);
  EXPECT_EQ(Pin(region.region(), {0, 4 * kMiB}).error, ENOMEM);
  Unpin(region.region(), {0, 64 * 1024});
  EXPECT_EQ(region.stats().pinned_bytes, 0u);
}

TEST(a_sequential_scan_reads_ahead) {
  const DataFile file(32 * kMiB);
  Mapped region(file, BufferOf(16 * kMiB), {.page_bytes = 4096, .writable = false});
  for (uint64_t i = 0; i < region.bytes() / 8; i += 512) {
    CHECK(region.words()[i] == DataFile::WordAt(i * 8));
  }
  const RegionStats stats = region.stats();
  EXPECT_LT(stats.faults, region.bytes() / 4096 / 8);
  EXPECT_GT(stats.read_ahead_used_bytes, region.bytes() / 2);
}

}  // namespace
}  // namespace umap::test
