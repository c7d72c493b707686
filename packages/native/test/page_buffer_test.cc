// The page buffer's books by themselves: what it hands out, what it takes back, and that neither
// ever exceeds the budget.
#include "page/page_buffer.h"

#include "mapper/private_mapper.h"
#include "os/check.h"
#include "page/frame_pool.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/stops.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;

BufferLimits LimitsOf(uint64_t bytes) {
  BufferLimits limits;
  limits.budget_bytes = bytes;
  limits.budget_bytes_max = bytes;
  return limits;
}

constexpr const char* kNoFrames =
    "the frames of these books need a userfaultfd, which is refused here";

bool HasUserfaultfd() {
  Userfaultfd uffd;
  return Userfaultfd::Open(FaultMode::kUserfaultfdUserMode, 0, &uffd).ok();
}

std::unique_ptr<PrivateMapper> NewMapper() {
  Userfaultfd uffd;
  CHECK(Userfaultfd::Open(FaultMode::kUserfaultfdUserMode, 0, &uffd).ok());
  std::unique_ptr<PrivateMapper> mapper;
  CHECK(PrivateMapper::Create(std::move(uffd), &mapper).ok());
  return mapper;
}

// A buffer with one pool of small frames and one of larger ones.
struct Books {
  explicit Books(uint64_t budget_bytes) : buffer(LimitsOf(budget_bytes)) {
    CHECK(buffer.AddRegion(*mapper, kPage, &small).ok());
    CHECK(buffer.AddRegion(*mapper, 16 * kPage, &large).ok());
  }
  ~Books() {
    buffer.RemoveRegion();
    buffer.RemoveRegion();
  }

  // Takes and touches frames, as a fill does.
  bool Take(FramePool& pool, uint32_t count, SlotRuns* frames,
            uint64_t extra_bytes = 0, const void* taker = nullptr) {
    Garbage garbage;
    const bool taken = buffer.TakeMemory(taker, pool, count, extra_bytes, frames, &garbage);
    buffer.ReleaseGarbage(&garbage);
    for (const SlotRun& run : *frames) {
      std::memset(pool.AddressOf(run.first), 1, run.count * pool.page_bytes());
    }
    return taken;
  }

  const std::unique_ptr<PrivateMapper> mapper = NewMapper();
  PageBuffer buffer;
  FramePool* small = nullptr;
  FramePool* large = nullptr;
};

uint32_t CountOf(const SlotRuns& frames) {
  uint32_t count = 0;
  for (const SlotRun& run : frames) count += run.count;
  return count;
}

TEST(slots_are_handed_out_in_neighbours_and_each_once) {
  SlotSet slots(200);
  slots.Put({0, 200});
  std::vector<bool> seen(200);
  uint32_t total = 0;
  std::mt19937_64 random(Seed());
  while (slots.count() > 0) {
    const SlotRun run = slots.Take(1 + static_cast<uint32_t>(random() % 70));
    for (SlotIndex slot = run.first; slot < run.first + run.count; slot++) {
      EXPECT_FALSE(seen[slot]);
      seen[slot] = true;
      total++;
    }
  }
  EXPECT_EQ(total, 200u);
  slots.Put({190, 10});
  slots.Put({3, 2});
  EXPECT_EQ(slots.Take(200).count, 2u);
  EXPECT_EQ(slots.Take(200).count, 10u);
}

TEST(memory_is_given_whole_or_not_at_all) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  Books books(32 * kPage);
  SlotRuns frames;
  EXPECT_FALSE(books.Take(*books.small, 33, &frames));
  EXPECT_EQ(frames.size(), 0u);
  EXPECT_EQ(books.buffer.resident_bytes(), 0u);
  EXPECT_TRUE(books.Take(*books.small, 20, &frames, 12 * kPage));
  EXPECT_EQ(CountOf(frames), 20u);
  EXPECT_EQ(books.buffer.resident_bytes(), 32 * kPage);
  SlotRuns none;
  EXPECT_FALSE(books.Take(*books.small, 1, &none));
  EXPECT_FALSE(books.Take(*books.small, 0, &none, 1));
  books.buffer.PutFrames(*books.small, frames);
  books.buffer.ReturnMemory(12 * kPage);
  EXPECT_EQ(books.buffer.resident_bytes(), 20 * kPage);
}

TEST(free_frames_of_one_size_make_room_for_another) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  Books books(32 * kPage);
  SlotRuns small;
  EXPECT_TRUE(books.Take(*books.small, 32, &small));
  books.buffer.PutFrames(*books.small, small);
  SlotRuns large;
  EXPECT_TRUE(books.Take(*books.large, 2, &large));
  EXPECT_EQ(books.buffer.resident_bytes_max(), 32 * kPage);
  books.buffer.PutFrames(*books.large, large);
  small.clear();
  EXPECT_TRUE(books.Take(*books.small, 17, &small));
  EXPECT_LE(books.buffer.resident_bytes_max(), 32 * kPage);
  books.buffer.PutFrames(*books.small, small);
}

TEST(a_smaller_budget_is_reached_by_giving_free_frames_back) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  Books books(64 * kPage);
  SlotRuns frames;
  EXPECT_TRUE(books.Take(*books.small, 64, &frames));
  books.buffer.PutFrames(*books.small, frames);
  books.buffer.SetBudget(40 * kPage);
  books.buffer.Trim();
  EXPECT_EQ(books.buffer.resident_bytes(), 40 * kPage);
  frames.clear();
  EXPECT_FALSE(books.Take(*books.small, 41, &frames));
  EXPECT_TRUE(books.Take(*books.small, 40, &frames));
  books.buffer.PutFrames(*books.small, frames);
}

TEST(a_budget_never_falls_below_what_is_pinned_and_two_of_the_largest_pages) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  Books books(64 * kPage);
  books.buffer.SetBudget(kPage);
  EXPECT_EQ(books.buffer.budget_bytes(), 32 * kPage);
  books.buffer.pinned_bytes.fetch_add(17 * kPage);
  books.buffer.SetBudget(kPage);
  EXPECT_EQ(books.buffer.budget_bytes(), 52 * kPage);
  EXPECT_GE(books.buffer.PinnableBytes(), 17 * kPage);
  books.buffer.pinned_bytes.fetch_sub(17 * kPage);
}

TEST(a_claim_is_met_before_anybody_else_is_given_memory) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  Books books(32 * kPage);
  SlotRuns held;
  EXPECT_TRUE(books.Take(*books.small, 24, &held));
  SlotRuns large;
  EXPECT_FALSE(books.Take(*books.large, 1, &large, 16 * kPage, &large));
  books.buffer.Claim(&large, 32 * kPage);
  EXPECT_EQ(books.buffer.ClaimShortage(), 24 * kPage);
  // What is free is not for others, and another claim does not replace this one.
  SlotRuns small;
  EXPECT_FALSE(books.Take(*books.small, 1, &small, 0, &small));
  books.buffer.Claim(&small, kPage);
  books.buffer.PutFrames(*books.small, held);
  EXPECT_EQ(books.buffer.ClaimShortage(), 0u);
  EXPECT_FALSE(books.Take(*books.small, 1, &small, 0, &small));
  EXPECT_TRUE(books.Take(*books.large, 1, &large, 16 * kPage, &large));
  // And then it is gone.
  books.buffer.ReturnMemory(16 * kPage);
  EXPECT_TRUE(books.Take(*books.small, 1, &small, 0, &small));
  books.buffer.PutFrames(*books.small, small);
  books.buffer.PutFrames(*books.large, large);
}

TEST(random_takes_and_returns_never_exceed_the_budget) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  constexpr uint64_t kBudget = 64 * kPage;
  Books books(kBudget);
  std::mt19937_64 random(Seed());
  std::vector<std::pair<FramePool*, SlotRuns>> held;
  for (int i = 0; i < 5000; i++) {
    if (random() % 2 == 0 || held.empty()) {
      FramePool* pool = random() % 4 == 0 ? books.large : books.small;
      SlotRuns frames;
      const auto count = static_cast<uint32_t>(1 + random() % (pool == books.large ? 2 : 8));
      if (books.Take(*pool, count, &frames)) held.emplace_back(pool, std::move(frames));
    } else {
      const size_t at = random() % held.size();
      books.buffer.PutFrames(*held[at].first, held[at].second);
      held.erase(held.begin() + static_cast<ptrdiff_t>(at));
    }
    EXPECT_LE(books.buffer.resident_bytes_max(), kBudget);
  }
  for (auto& [pool, frames] : held) books.buffer.PutFrames(*pool, frames);
}

TEST(a_page_size_that_cannot_be_had_does_no_harm_to_the_others) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  const auto mapper = NewMapper();
  PageBuffer buffer(LimitsOf(64 * kPage));
  FramePool* pool = nullptr;
  FramePool* other = nullptr;
  EXPECT_OK(buffer.AddRegion(*mapper, kPage, &pool));
  // No address space has room for this.
  EXPECT_EQ(buffer.AddRegion(*mapper, uint64_t{1} << 46, &other).error, ENOMEM);
  SlotRuns frames;
  Garbage garbage;
  EXPECT_TRUE(buffer.TakeMemory(nullptr, *pool, 64, 0, &frames, &garbage));
  buffer.PutFrames(*pool, frames);
  frames.clear();
  EXPECT_TRUE(buffer.TakeMemory(nullptr, *pool, 32, 32 * kPage, &frames, &garbage));
  buffer.ReleaseGarbage(&garbage);
  buffer.PutFrames(*pool, frames);
  buffer.ReturnMemory(32 * kPage);
  buffer.RemoveRegion();
}

TEST(the_last_region_leaves_after_what_is_being_trimmed) {
  SKIP_IF(!HasUserfaultfd(), kNoFrames);
  const auto mapper = NewMapper();
  PageBuffer buffer(LimitsOf(512 * kPage));
  FramePool* pool = nullptr;
  CHECK(buffer.AddRegion(*mapper, kPage, &pool).ok());
  SlotRuns frames;
  Garbage garbage;
  CHECK(buffer.TakeMemory(nullptr, *pool, 512, 0, &frames, &garbage));
  buffer.PutFrames(*pool, frames);
  buffer.SetBudget(kPage);
  Stop trimming("before-trim");
  Aside trim([&] { buffer.Trim(); });
  trimming.AwaitArrival();
  Aside leave([&] { buffer.RemoveRegion(); });
  usleep(20'000);
  EXPECT_FALSE(leave.done());
  trimming.Open();
  leave.AwaitDone("the last region leaves");
  trim.Join();
  EXPECT_EQ(buffer.resident_bytes(), 0u);
}

}  // namespace
}  // namespace umap::test
