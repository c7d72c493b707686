// Load from several threads at once against what a plain array would hold: no update is lost, no
// byte is wrong, whatever runs meanwhile. UMAP_TEST_SECONDS makes each of these tests run that
// long.
#include <array>

#include "test/counters.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/ways.h"

namespace umap::test {
namespace {

void ExpectNothingLost(const CounterRun& run) {
  Counters counters(run);
  const CounterResult result = counters.Run();
  EXPECT_GT(result.incremented, 0u);
  EXPECT_EQ(result.in_the_file, result.incremented);
  EXPECT_EQ(result.wrong_after_discard, 0u);
  EXPECT_LE(result.resident_bytes_max, run.budget_pages * run.page_bytes);
}

TEST(no_update_is_lost_in_pages_of_4_kib) {
  ExpectNothingLost({.page_bytes = 4096});
  ExpectNothingLost({.page_bytes = 4096, .budget_pages = 24, .read_ahead_pages_max = 8});
}

TEST(no_update_is_lost_in_pages_of_64_kib) {
  ExpectNothingLost({.page_bytes = 65536});
  ExpectNothingLost({.page_bytes = 65536, .budget_pages = 24, .read_ahead_pages_max = 8});
}

TEST(no_update_is_lost_in_pages_of_2_mib) {
  ExpectNothingLost({.page_bytes = 2 << 20, .milliseconds = 1500});
  ExpectNothingLost({.page_bytes = 2 << 20, .read_ahead_pages_max = 2, .milliseconds = 1500});
}

TEST(no_update_is_lost_with_direct_io) {
  ExpectNothingLost({.page_bytes = 4096, .direct = true});
  ExpectNothingLost({.page_bytes = 65536, .read_ahead_pages_max = 4, .direct = true});
}

TEST(no_update_is_lost_in_a_buffer_of_two_pages) {
  ExpectNothingLost({.page_bytes = 4096, .budget_pages = 2});
  ExpectNothingLost({.page_bytes = 65536, .budget_pages = 2, .read_ahead_pages_max = 4});
}

// One of several regions over one buffer. Each thread has a slice of every region to itself, down
// to the byte, so that neighbours share pages; what is done to the region as a whole is shared.
class ModelRegion {
 public:
  ModelRegion(const std::shared_ptr<PageBuffer>& buffer, uint64_t page_bytes, uint64_t byte_length)
      : file_(byte_length), buffer_(buffer), options_{.page_bytes = page_bytes} {
    model_.resize(byte_length);
    for (uint64_t at = 0; at < byte_length; at++) {
      model_[at] = static_cast<uint8_t>(DataFile::WordAt(at / 8 * 8) >> at % 8 * 8);
    }
    Open();
  }

  void Open() { mapped_ = std::make_unique<Mapped>(file_, buffer_, options_); }
  void Close() { mapped_.reset(); }
  void Reopen(uint64_t page_bytes) {
    Close();
    options_.page_bytes = page_bytes;
    Open();
  }

  Mapped& mapped() { return *mapped_; }
  uint8_t* model() { return model_.data(); }
  uint64_t bytes() const { return model_.size(); }
  // How many bytes of the file differ from the model.
  uint64_t WrongInFile() const {
    std::vector<uint8_t> bytes(model_.size());
    CHECK(pread(file_.fd(), bytes.data(), bytes.size(), 0) ==
          static_cast<ssize_t>(bytes.size()));
    uint64_t wrong = 0;
    for (size_t i = 0; i < bytes.size(); i++) wrong += bytes[i] != model_[i];
    return wrong;
  }

 private:
  const DataFile file_;
  const std::shared_ptr<PageBuffer> buffer_;
  MapOptions options_;
  std::vector<uint8_t> model_;
  std::unique_ptr<Mapped> mapped_;
};

constexpr uint64_t kModelThreads = 3;

// A random range inside a thread's slice of a region.
ByteRange RangeInSlice(std::mt19937_64& random, uint64_t bytes, uint64_t thread) {
  const uint64_t begin = bytes * thread / kModelThreads;
  const uint64_t end = bytes * (thread + 1) / kModelThreads;
  const uint64_t offset = begin + random() % (end - begin);
  const uint64_t most = random() % 4 == 0 ? end - offset : std::min<uint64_t>(end - offset, 300);
  return {offset, 1 + random() % most};
}

// TSan sees neither that these bytes belong to one thread nor that its own checks fault.
__attribute__((no_sanitize("thread"))) uint64_t CompareBytes(const volatile uint8_t* seen,
                                                            const uint8_t* expected,
                                                            uint64_t count) {
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < count; i++) wrong += seen[i] != expected[i];
  return wrong;
}

__attribute__((no_sanitize("thread"))) void WriteBytes(volatile uint8_t* to, uint8_t* model,
                                                      uint64_t count, uint64_t seed) {
  for (uint64_t i = 0; i < count; i++) to[i] = model[i] = static_cast<uint8_t>(seed + i * 7);
}

// Discards the part of a range that is the thread's own, bytes and all.
void DiscardRange(ModelRegion& region, ByteRange range) {
  CHECK(region.mapped().Discard(range).ok());
  std::memset(region.model() + range.offset, 0, range.byte_length);
}

uint64_t Step(std::mt19937_64& random, ModelRegion& region, uint64_t thread) {
  const ByteRange range = RangeInSlice(random, region.bytes(), thread);
  Mapped& mapped = region.mapped();
  switch (random() % 16) {
    case 0: CHECK(mapped.Flush(range).ok()); break;
    case 1: CHECK(mapped.Evict(range).ok()); break;
    case 2: CHECK(mapped.Prefault(range).ok()); break;
    case 3:
      if (Pin(mapped.region(), range).ok()) {
        const uint64_t wrong = CompareBytes(mapped.data() + range.offset,
                                            region.model() + range.offset, range.byte_length);
        Unpin(mapped.region(), range);
        return wrong;
      }
      break;
    case 4:
      if (random() % 4 == 0) DiscardRange(region, range);
      break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      WriteBytes(mapped.data() + range.offset, region.model() + range.offset, range.byte_length,
                 random());
      break;
    default:
      return CompareBytes(mapped.data() + range.offset, region.model() + range.offset,
                          range.byte_length);
  }
  return 0;
}

TEST(regions_that_share_a_buffer_hold_what_a_plain_array_would) {
  const int64_t end_ns = NowNs() + LoadTimeNs(5000);
  std::mt19937_64 shared_random(Seed());
  const auto buffer = BufferOf(1 << 20);
  std::vector<std::unique_ptr<ModelRegion>> regions;
  regions.push_back(std::make_unique<ModelRegion>(buffer, 4096, 300'001));
  regions.push_back(std::make_unique<ModelRegion>(buffer, 65536, 2'000'000));
  regions.push_back(std::make_unique<ModelRegion>(buffer, 16384, 1 << 20));
  std::atomic<uint64_t> wrong{0};
  while (NowNs() < end_ns) {
    // 1. A while of load from several threads at once.
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < kModelThreads; t++) {
      threads.emplace_back([&, t, seed = shared_random()] {
        std::mt19937_64 random(seed);
        const int64_t while_ns = NowNs() + 300'000'000;
        while (NowNs() < while_ns) wrong += Step(random, *regions[random() % regions.size()], t);
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0u);
    // 2. What was flushed is in the file; one region is closed, compared and opened again.
    for (auto& region : regions) CHECK(region->mapped().Flush().ok());
    for (auto& region : regions) EXPECT_EQ(region->WrongInFile(), 0u);
    constexpr std::array<uint64_t, 4> kSizes = {4096, 8192, 65536, 131072};
    regions[shared_random() % regions.size()]->Reopen(kSizes[shared_random() % kSizes.size()]);
    EXPECT_LE(StatsOf(*buffer).resident_bytes_max, 1 << 20);
  }
  for (auto& region : regions) {
    region->Close();
    EXPECT_EQ(region->WrongInFile(), 0u);
  }
}

}  // namespace
}  // namespace umap::test
