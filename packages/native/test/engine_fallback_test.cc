// The engine without features that older kernels lack: what it promises holds all the same.
#include "os/uffd_abi.h"
#include "test/counters.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/touch.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWordsPerPage = kPage / 8;

const uint64_t kDenials[] = {
    UFFD_FEATURE_MOVE,
    UFFD_FEATURE_POISON,
    UFFD_FEATURE_THREAD_ID,
    UFFD_FEATURE_MOVE | UFFD_FEATURE_POISON | UFFD_FEATURE_THREAD_ID,
};

// The engine goes without these features while this lives. REQUIRES: no region is open.
class Without {
 public:
  explicit Without(uint64_t features) {
    EngineOptions options;
    options.features_denied = features;
    ConfigureEngine(options);
  }
  ~Without() { ConfigureEngine({}); }
};

TEST(bytes_are_right_and_the_budget_holds_without_a_feature) {
  SKIP_IF(!UsesUserfaultfd(), kNoUserfaultfd);
  for (const uint64_t denied : kDenials) {
    const Without without(denied);
    for (const uint64_t page_bytes : {4096ul, 65536ul, 2097152ul}) {
      for (const bool writable : {false, true}) {
        const DataFile file(32 * page_bytes);
        const auto buffer = BufferOf(6 * page_bytes);
        uint64_t wrong = 0;
        {
          Mapped region(file, buffer, {.page_bytes = page_bytes, .writable = writable});
          for (uint64_t i = 0; i < region.bytes() / 8; i += page_bytes / 16) {
            wrong += region.words()[i] != DataFile::WordAt(i * 8);
            if (writable) region.words()[i] = i;
          }
        }
        for (uint64_t i = 0; i < file.bytes() / 8; i += page_bytes / 16) {
          wrong += file.Read(i * 8) != (writable ? i : DataFile::WordAt(i * 8));
        }
        EXPECT_EQ(wrong, 0u);
        EXPECT_LE(StatsOf(*buffer).resident_bytes_max, 6 * page_bytes);
        EXPECT_EQ(StatsOf(*buffer).resident_bytes, 0u);
      }
    }
  }
}

TEST(holes_are_counted_right_without_a_feature) {
  SKIP_IF(!UsesUserfaultfd(), kNoUserfaultfd);
  for (const uint64_t denied : kDenials) {
    const Without without(denied);
    for (const bool writable : {false, true}) {
      const DataFile file(256 * kPage, false);
      const auto buffer = BufferOf(16 * kPage);
      Mapped region(file, buffer, {.page_bytes = kPage, .writable = writable});
      uint64_t sum = 0;
      for (int round = 0; round < 2; round++) {
        for (uint64_t page = 0; page < 256; page++) sum += region.words()[page * kWordsPerPage];
      }
      EXPECT_EQ(sum, 0u);
      EXPECT_OK(region.Evict());
      EXPECT_OK(region.Close());
      EXPECT_EQ(StatsOf(*buffer).resident_bytes, 0u);
    }
  }
}

TEST(no_update_is_lost_without_a_feature) {
  SKIP_IF(!UsesUserfaultfd(), kNoUserfaultfd);
  for (const uint64_t denied : kDenials) {
    const Without without(denied);
    for (const uint64_t page_bytes : {4096ul, 65536ul}) {
      Counters counters({.page_bytes = page_bytes, .read_ahead_pages_max = 4,
                         .milliseconds = 250});
      const CounterResult result = counters.Run();
      EXPECT_EQ(result.in_the_file, result.incremented);
      EXPECT_EQ(result.wrong_after_discard, 0u);
      EXPECT_LE(result.resident_bytes_max, 6 * page_bytes);
    }
  }
}

TEST(each_thread_that_waits_for_a_page_that_fails_gets_a_signal_without_poison) {
  SKIP_IF(!UsesUserfaultfd(), kNoUserfaultfd);
  const SigbusCaught caught;
  const Without without(UFFD_FEATURE_POISON);
  const auto store = std::make_shared<ScriptedStore>(64 * kPage);
  Mapped region(store, 64 * kPage, BufferOf(32 * kPage), {.page_bytes = kPage});
  store->Hold(StoreOp::kRead);
  store->SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kRead ? Status::Fail(EIO, "bad sector") : Status::Ok();
  });
  std::atomic<int> signals{0};
  std::vector<std::unique_ptr<Aside>> threads;
  for (int i = 0; i < 4; i++) {
    threads.push_back(std::make_unique<Aside>([&] {
      uint64_t seen = 0;
      signals += !Touch(&region.words()[5 * kWordsPerPage], &seen);
    }));
  }
  for (auto& thread : threads) thread->AwaitFault();
  store->LetGo(StoreOp::kRead);
  for (auto& thread : threads) thread->AwaitDone("each thread is told");
  EXPECT_EQ(signals.load(), 4);
  EXPECT_EQ(ReadBySystemCall(&region.words()[5 * kWordsPerPage]), EFAULT);
  store->SetScript({});
  EXPECT_OK(region.Prefault({5 * kPage, kPage}));
  EXPECT_EQ(region.words()[5 * kWordsPerPage], ScriptedStore::WordAt(5 * kPage));
  region.words()[5 * kWordsPerPage] = 1;
  EXPECT_OK(region.Evict());
  EXPECT_EQ(region.words()[5 * kWordsPerPage], 1u);
}

}  // namespace
}  // namespace umap::test
