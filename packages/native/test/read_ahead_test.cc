// What read-ahead makes of patterns of faults: sequences, strides, noise, several streams at once.
#include "pipeline/read_ahead.h"

#include <memory>
#include <optional>

#include "page/region.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr pid_t kThread = 7;

void Describe(Region* region, PageIndex page_count, PageIndex window_max = 64,
              uint64_t page_bytes = 4096) {
  CHECK(region->table.Create(page_count).ok());
  region->page_count = page_count;
  region->page_bytes = page_bytes;
  region->read_ahead_pages_max = window_max;
}

// Every page of a plan lies in the region; a plan out of it would be filled all the same.
bool IsInside(const ReadAheadPlan& plan, const Region& region) {
  if (plan.fill_count == 0) return true;
  const int64_t last = int64_t{plan.fill_first} + plan.stride * (int64_t{plan.fill_count} - 1);
  return plan.fill_first < region.page_count && last >= 0 && last < int64_t{region.page_count};
}

TEST(a_sequence_is_read_ahead_from_its_third_fault_on_in_windows_that_grow) {
  Region region;
  Describe(&region, 10'000, 256);
  ReadAhead read_ahead;
  EXPECT_EQ(read_ahead.OnFault(region, 10, kThread).fill_count, 0u);
  EXPECT_EQ(read_ahead.OnFault(region, 11, kThread).fill_count, 0u);
  ReadAheadPlan plan = read_ahead.OnFault(region, 12, kThread);
  EXPECT_EQ(plan.stride, 1);
  EXPECT_EQ(plan.fill_first, 13u);
  EXPECT_EQ(plan.fill_count, 32u);
  // The fault on the marker, the first page of the window, starts the window after it.
  PageIndex last = 32;
  for (int i = 0; i < 5; i++) {
    const PageIndex marker = plan.fill_first;
    const PageIndex behind = plan.fill_first + plan.fill_count;
    plan = read_ahead.OnFault(region, marker, kThread);
    EXPECT_EQ(plan.fill_first, behind);
    last = std::min<PageIndex>(2 * last, 256);
    EXPECT_EQ(plan.fill_count, last);
  }
}

TEST(a_window_ends_where_the_region_does) {
  Region region;
  Describe(&region, 20);
  ReadAhead read_ahead;
  for (PageIndex page = 10; page < 12; page++) read_ahead.OnFault(region, page, kThread);
  const ReadAheadPlan plan = read_ahead.OnFault(region, 12, kThread);
  EXPECT_EQ(plan.fill_first, 13u);
  EXPECT_EQ(plan.fill_count, 7u);
  EXPECT_EQ(read_ahead.OnFault(region, 13, kThread).fill_count, 0u);
  EXPECT_EQ(read_ahead.OnFault(region, 19, kThread).fill_count, 0u);
}

TEST(a_stride_is_read_ahead_in_both_directions) {
  for (const int stride : {5, -5, 64}) {
    Region region;
    Describe(&region, 10'000);
    ReadAhead read_ahead;
    int page = 5'000;
    for (int i = 0; i < 2; i++, page += stride) {
      read_ahead.OnFault(region, static_cast<PageIndex>(page), kThread);
    }
    const ReadAheadPlan plan = read_ahead.OnFault(region, static_cast<PageIndex>(page), kThread);
    EXPECT_EQ(plan.stride, stride);
    EXPECT_GT(plan.fill_count, 0u);
    EXPECT_EQ(plan.fill_first, page + stride);
    EXPECT_TRUE(IsInside(plan, region));
  }
}

TEST(jumps_are_not_read_ahead) {
  Region region;
  Describe(&region, 1 << 24);
  ReadAhead read_ahead;
  std::mt19937_64 random(Seed());
  uint64_t pages = 0;
  for (int i = 0; i < 2000; i++) {
    const auto page = static_cast<PageIndex>(random() % region.page_count);
    pages += read_ahead.OnFault(region, page, kThread).fill_count;
  }
  EXPECT_EQ(pages, 0u);
}

TEST(threads_and_regions_do_not_disturb_each_others_sequences) {
  Region regions[2];
  for (Region& region : regions) Describe(&region, 10'000);
  ReadAhead read_ahead;
  uint64_t planned[2][3] = {};
  for (PageIndex page = 0; page < 3; page++) {
    for (int r = 0; r < 2; r++) {
      for (int t = 0; t < 3; t++) {
        const auto start = static_cast<PageIndex>(t * 3000 + r * 100);
        planned[r][t] = read_ahead.OnFault(regions[r], start + page, kThread + t).fill_count;
      }
    }
  }
  for (const auto& of_region : planned) {
    for (const uint64_t count : of_region) EXPECT_GT(count, 0u);
  }
}

TEST(a_window_shrinks_when_what_was_read_is_dropped_unused) {
  Region region;
  Describe(&region, 100'000, 1024);
  ReadAhead read_ahead;
  read_ahead.OnFault(region, 0, kThread);
  read_ahead.OnFault(region, 1, kThread);
  ReadAheadPlan plan = read_ahead.OnFault(region, 2, kThread);
  for (int i = 0; i < 3; i++) plan = read_ahead.OnFault(region, plan.fill_first, kThread);
  const PageIndex before = plan.fill_count;
  region.read_ahead_wasted = before;
  plan = read_ahead.OnFault(region, plan.fill_first, kThread);
  EXPECT_LT(plan.fill_count, before);
}

TEST(a_page_that_is_still_on_its_way_is_no_sign_of_a_window_too_large) {
  Region region;
  Describe(&region, 100'000, 1024);
  ReadAhead read_ahead;
  read_ahead.OnFault(region, 0, kThread);
  read_ahead.OnFault(region, 1, kThread);
  const ReadAheadPlan first = read_ahead.OnFault(region, 2, kThread);
  const ReadAheadPlan second = read_ahead.OnFault(region, first.fill_first, kThread);
  // The reader is faster than the store, and runs into pages of a window that was asked for.
  for (PageIndex i = 1; i < first.fill_count; i++) {
    region.table[first.fill_first + i].MoveTo(PageState::kFilling, kLasting);
    const PageIndex page = first.fill_first + i;
    EXPECT_EQ(read_ahead.OnFault(region, page, kThread).fill_count, 0u);
  }
  const ReadAheadPlan third = read_ahead.OnFault(region, second.fill_first, kThread);
  EXPECT_EQ(third.fill_count, 2 * second.fill_count);
}

// The largest window of a sequence that begins at `page`.
PageIndex LargestWindow(ReadAhead& read_ahead, Region& region, PageIndex page) {
  PageIndex largest = 0;
  for (PageIndex next = page, i = 0; i < 12; i++) {
    const ReadAheadPlan plan = read_ahead.OnFault(region, next, kThread);
    next = plan.fill_count > 0 ? plan.fill_first : next + 1;
    largest = std::max(largest, plan.fill_count);
  }
  return largest;
}

TEST(a_store_that_queues_is_read_ahead_as_far_as_probation_holds_two_windows) {
  constexpr uint64_t kPage = 4096;
  constexpr uint64_t kBudget = 1000 * kPage;
  const auto store = std::make_shared<ScriptedStore>(kPage);
  const auto file = std::make_shared<ScriptedStore>(kPage, ScriptedOptions{.blocking = true});
  const auto buffer = BufferOf(kBudget);
  Region region;
  Describe(&region, 1'000'000, 100'000);
  region.store = store;
  region.buffer = buffer;
  ReadAhead read_ahead;
  const PageIndex alone = LargestWindow(read_ahead, region, 0);
  EXPECT_GT(alone, 300u);
  EXPECT_LE(2 * alone, 950u);
  // Another stream of the same buffer has its share, one of another buffer takes none of it.
  const PageIndex beside = LargestWindow(read_ahead, region, 500'000);
  EXPECT_LE(2 * (beside + beside), 950u);
  EXPECT_GT(beside, 150u);
  region.buffer = BufferOf(kBudget);
  EXPECT_EQ(LargestWindow(read_ahead, region, 700'000), alone);
  // So many streams that nothing would be left of it have what a file has.
  region.buffer = buffer;
  for (PageIndex i = 0; i < 20; i++) LargestWindow(read_ahead, region, 10'000 + 9000 * i);
  EXPECT_EQ(LargestWindow(read_ahead, region, 900'000), 70u);
  // A file is read ahead as far as its region says.
  region.store = file;
  region.read_ahead_pages_max = 70;
  EXPECT_EQ(LargestWindow(read_ahead, region, 950'000), 70u);
}

TEST(a_sequence_beside_lone_faults_has_short_windows_until_they_end) {
  Region region;
  Describe(&region, 1'000'000, 2048);
  ReadAhead read_ahead;
  EXPECT_EQ(LargestWindow(read_ahead, region, 0), 2048u);
  // 1. Another thread jumps about, at least twice a window.
  PageIndex next = 100'000;
  PageIndex longest = 0;
  for (PageIndex i = 0; i < 12; i++) {
    const ReadAheadPlan plan = read_ahead.OnFault(region, next, kThread);
    if (i > 3) longest = std::max(longest, plan.fill_count);
    next = plan.fill_count > 0 ? plan.fill_first : next + 1;
    for (PageIndex j = 0; j < 4; j++) {
      read_ahead.OnFault(region, 500'000 + (i * 4 + j) * 9973, kThread + 1);
    }
  }
  EXPECT_EQ(longest, 256u);
  // 2. It stops.
  EXPECT_EQ(LargestWindow(read_ahead, region, next), 2048u);
}

TEST(a_window_of_a_store_that_queues_comes_in_pieces_and_is_used) {
  constexpr uint64_t kPages = 4096;
  const auto store = std::make_shared<ScriptedStore>(
      kPages * 4096, ScriptedOptions{.call_bytes_max = 8 << 20, .concurrency_max = 32});
  uint64_t longest = 0;
  store->SetScript([&](StoreOp op, uint64_t, uint64_t byte_length) {
    if (op == StoreOp::kRead) longest = std::max(longest, byte_length);
    return Status::Ok();
  });
  {
    Mapped region(store, kPages * 4096, BufferOf(1024 * 4096), {.writable = false});
    uint64_t wrong = 0;
    for (uint64_t at = 0; at < kPages * 512; at += 512) {
      wrong += region.words()[at] != ScriptedStore::WordAt(at * 8);
    }
    EXPECT_EQ(wrong, 0u);
    // Nothing was pushed out before it was read.
    EXPECT_LE(region.stats().fill_bytes, kPages * 4096 + (kPages * 4096) / 8);
  }
  // Where the touching thread cannot call the store, a window waits for the next fault on a page
  // that nobody fills.
  if (ReadsMessages()) EXPECT_GT(longest, 512u << 10);
  EXPECT_LE(longest, 1u << 20);
}

TEST(a_region_that_follows_another_at_its_address_starts_afresh) {
  std::optional<Region> region;
  ReadAhead read_ahead;
  region.emplace();
  Describe(&*region, 100'000);
  for (PageIndex page = 500; page < 503; page++) read_ahead.OnFault(*region, page, kThread);
  region.emplace();
  Describe(&*region, 520);
  EXPECT_EQ(read_ahead.OnFault(*region, 510, kThread).fill_count, 0u);
  EXPECT_EQ(read_ahead.OnFault(*region, 511, kThread).fill_count, 0u);
}

TEST(no_plan_ever_leaves_the_region) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 300; round++) {
    Region region;
    Describe(&region, static_cast<PageIndex>(1 + random() % 3000),
             static_cast<PageIndex>(1 + random() % 2000), 4096 << random() % 10);
    ReadAhead read_ahead;
    // Walks with strides, each interrupted by another, some pages twice.
    int64_t page = 0;
    int64_t stride = 1;
    for (int i = 0; i < 300; i++) {
      if (random() % 20 == 0) stride = static_cast<int64_t>(random() % 41) - 20;
      if (random() % 20 == 0) page = static_cast<int64_t>(random() % region.page_count);
      // A region may be shorter than a stride.
      page = (page + stride + 20 * int64_t{region.page_count}) % region.page_count;
      if (random() % 50 == 0) region.read_ahead_wasted = 1000;
      const auto fault = static_cast<PageIndex>(page);
      const ReadAheadPlan plan =
          read_ahead.OnFault(region, fault, static_cast<pid_t>(1 + random() % 2));
      EXPECT_TRUE(IsInside(plan, region));
      EXPECT_LE(plan.fill_count, region.read_ahead_pages_max);
    }
  }
}

TEST(what_is_read_ahead_is_right_and_used) {
  for (const int64_t stride : {1, 7, -3}) {
    const DataFile file(4096 * 4096);
    Mapped region(file, BufferOf(2048 * 4096), {.page_bytes = 4096, .writable = false});
    int64_t page = stride > 0 ? 0 : 4095;
    uint64_t wrong = 0;
    for (int i = 0; i < 500; i++, page += stride) {
      const uint64_t at = static_cast<uint64_t>(page) * 512;
      wrong += region.words()[at] != DataFile::WordAt(at * 8);
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(region.stats().read_ahead_used_bytes, 250 * 4096);
  }
}

}  // namespace
}  // namespace umap::test
