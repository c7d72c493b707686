// See page_buffer.h. Here: regions, memory and pages; page_buffer_evict.cc has the eviction order.
#include "page/page_buffer.h"

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "page/region.h"
#include "page/test_points.h"

namespace umap {
namespace {

// Address space for frames beyond the budget, so that vacant neighbours are found for a run.
constexpr uint64_t kSlotsPerFrame = 2;
constexpr uint64_t kSlotsMin = 64;

}  // namespace

PageBuffer::PageBuffer(const BufferLimits& limits)
    : limits_(limits), budget_bytes_(limits.budget_bytes) {}

void PageBuffer::SetBudget(uint64_t bytes) {
  MutexLock lock(mutex_);
  // What is pinned stays, and a fault must find memory beside it.
  const uint64_t pinned = pinned_bytes.load();
  const uint64_t least = pinned * 100 / limits_.low_water_percent + KeptFreeBytes();
  budget_bytes_.store(std::clamp(bytes, std::min(least, limits_.budget_bytes_max),
                                 limits_.budget_bytes_max));
}

// Regions ----------------------------------------------------------------------------------------

Status PageBuffer::AddRegion(Mapper& mapper, uint64_t page_bytes, FramePool** pool) {
  MutexLock lock(mutex_);
  const std::pair<uint64_t, Mapper*> key(page_bytes, &mapper);
  auto found = pools_.find(key);
  if (found == pools_.end()) {
    std::unique_ptr<FramePool> fresh;
    if (!mapper.places_frames()) {
      const uint64_t frames = limits_.budget_bytes_max / page_bytes;
      const uint64_t slots = std::max(frames * kSlotsPerFrame, kSlotsMin);
      Status status = mapper.CreatePool(page_bytes, static_cast<SlotIndex>(slots), &fresh);
      if (!status.ok()) return status;
    }
    found = pools_.emplace(key, std::move(fresh)).first;
  }
  region_count_.fetch_add(1);
  if (found->second) *pool = found->second.get();
  return Status::Ok();
}

void PageBuffer::RemoveRegion() {
  MutexLock lock(mutex_);
  // What is being given back outside the mutex lies in a pool.
  while (region_count_.load() == 1 && trimming_ > 0) trimmed_.Wait(mutex_);
  if (region_count_.fetch_sub(1) > 1) return;
  CHECK(probation_.count() + protected_.count() + standby_.count() == 0);
  held_bytes_ -= FreeFrameBytes();
  CHECK(held_bytes_ == 0);
  pools_.clear();
  nodes_.Clear();
}

// Memory -----------------------------------------------------------------------------------------

void PageBuffer::UseMemory(uint64_t bytes) {
  held_bytes_ += bytes;
  held_bytes_max_ = std::max(held_bytes_max_, held_bytes_);
}

bool PageBuffer::DropStandby(Garbage::Piece* piece) {
  const NodeIndex index = standby_.head();
  if (index == kNoNode) return false;
  PageNode& node = nodes_[index];
  PageEntry& entry = node.region->table[node.page];
  Region& region = *node.region;
  const bool placed = region.pool->placed();
  *piece = {region.pool, {node.slot, 1}, placed ? &region : nullptr};
  // A guess that nobody came for says nothing about the page.
  const bool guess = entry.Load().Has(kReadAhead);
  if (guess) region.read_ahead_wasted.fetch_add(1);
  Unlink(index);
  FreeNode(index, guess ? kNeverEvicted : NextEviction());
  // Nobody may fill the page before the memory in its place is gone.
  if (placed) region.in_flight.fetch_add(1);
  entry.MoveTo(placed ? PageState::kEvicting : PageState::kAbsent, kLasting);
  region.counters.Add(Counter::kEvictions);
  return true;
}

bool PageBuffer::MakeRoom(uint64_t bytes, FramePool* reuse, uint32_t reuse_count,
                          SlotRuns* frames, Garbage* garbage) {
  uint64_t room = 0;
  while (room < bytes) {
    if (garbage->pieces.size() == garbage->pieces_max) return false;
    Garbage::Piece piece = {};
    // 1. Frames that hold nothing.
    for (const auto& [key, pool] : pools_) {
      if (!pool || pool->free().count() == 0) continue;
      piece = {pool.get(), pool->free().Take(1), nullptr};
      break;
    }
    // 2. The page that has been on standby longest.
    if (!piece.pool && !DropStandby(&piece)) return false;
    // A frame that is used again stays counted and makes its own room.
    room += piece.pool->page_bytes();
    if (piece.pool == reuse && reuse_count > 0) {
      reuse_count--;
      frames->push_back(piece.run);
    } else {
      garbage->pieces.push_back(piece);
      garbage->counted_bytes += piece.pool->page_bytes();
    }
  }
  return true;
}

uint64_t PageBuffer::FreshBytes() const {
  MutexLock lock(mutex_);
  const uint64_t budget = budget_bytes();
  return budget - std::min(budget, held_bytes_);
}

void PageBuffer::Claim(const void* taker, uint64_t bytes) {
  MutexLock lock(mutex_);
  if (claimant_) return;
  claimant_ = taker;
  claimed_bytes_ = bytes;
}

uint64_t PageBuffer::ClaimShortage() const {
  MutexLock lock(mutex_);
  if (!claimant_) return 0;
  const uint64_t room = budget_bytes() - std::min(budget_bytes(), held_bytes_) +
                        standby_.bytes() + FreeFrameBytes();
  return claimed_bytes_ - std::min(room, claimed_bytes_);
}

bool PageBuffer::TakeMemory(const void* taker, FramePool& pool, uint32_t frame_count,
                            uint64_t extra_bytes, SlotRuns* frames,
                            Garbage* garbage) {
  MutexLock lock(mutex_);
  if (claimant_ && claimant_ != taker) return false;
  // 1. Free frames as they are. `frames` may hold some already, which are none of our business.
  const size_t owned = frames->size();
  uint32_t taken = 0;
  while (taken < frame_count && pool.free().count() > 0) {
    frames->push_back(pool.free().Take(frame_count - taken));
    taken += frames->back().count;
  }
  // 2. What is beyond the budget must be made room for.
  const uint64_t fresh_bytes = uint64_t{frame_count - taken} * pool.page_bytes() + extra_bytes;
  const uint64_t budget = budget_bytes();
  if (held_bytes_ + fresh_bytes > budget) {
    const uint64_t shortage = held_bytes_ + fresh_bytes - budget;
    const size_t reused_from = frames->size();
    const bool enough = MakeRoom(shortage, &pool, frame_count - taken, frames, garbage);
    taken += static_cast<uint32_t>(frames->size() - reused_from);
    if (!enough) {
      for (size_t i = owned; i < frames->size(); i++) pool.free().Put((*frames)[i]);
      frames->resize(owned);
      return false;
    }
  }
  // 3. Fresh frames for the rest, in exchange for the garbage.
  uint64_t fresh = extra_bytes;
  while (taken < frame_count) {
    CHECK(pool.vacant().count() > 0);
    frames->push_back(pool.vacant().Take(frame_count - taken));
    taken += frames->back().count;
    fresh += uint64_t{frames->back().count} * pool.page_bytes();
  }
  const uint64_t exchanged = std::min(garbage->counted_bytes, fresh);
  garbage->counted_bytes -= exchanged;
  held_bytes_ -= exchanged;
  UseMemory(fresh);
  claimant_ = nullptr;
  return true;
}

void PageBuffer::ReleaseGarbage(Garbage* garbage) {
  if (garbage->pieces.empty()) return;
  for (const Garbage::Piece& piece : garbage->pieces) piece.pool->ReleaseMemory(piece.run);
  {
    MutexLock lock(mutex_);
    for (const Garbage::Piece& piece : garbage->pieces) {
      if (!piece.region) piece.pool->vacant().Put(piece.run);
    }
    held_bytes_ -= garbage->counted_bytes;
  }
  for (const Garbage::Piece& piece : garbage->pieces) {
    if (!piece.region) continue;
    const PageIndex page = piece.run.first;
    piece.region->EndEviction(page,
                              piece.region->table[page].MoveTo(PageState::kAbsent, kLasting));
  }
  garbage->pieces.clear();
  garbage->counted_bytes = 0;
}

void PageBuffer::PutFrames(FramePool& pool, const SlotRuns& frames) {
  if (pool.placed()) {
    for (const SlotRun& run : frames) {
      pool.ReleaseMemory(run);
      ReturnMemory(run.count * pool.page_bytes());
    }
    return;
  }
  MutexLock lock(mutex_);
  for (const SlotRun& run : frames) pool.free().Put(run);
}

void PageBuffer::VacateFrames(FramePool& pool, const SlotRuns& frames) {
  if (pool.placed()) return;
  MutexLock lock(mutex_);
  for (const SlotRun& run : frames) pool.vacant().Put(run);
}

void PageBuffer::ReturnMemory(uint64_t bytes) {
  MutexLock lock(mutex_);
  CHECK(held_bytes_ >= bytes);
  held_bytes_ -= bytes;
}

void PageBuffer::Trim() {
  Garbage garbage;
  {
    MutexLock lock(mutex_);
    const uint64_t budget = budget_bytes();
    if (held_bytes_ <= budget) return;
    MakeRoom(held_bytes_ - budget, nullptr, 0, nullptr, &garbage);
    trimming_++;
  }
  TestPoint("before-trim");
  ReleaseGarbage(&garbage);
  MutexLock lock(mutex_);
  trimming_--;
  trimmed_.NotifyAll();
}

// Pages ------------------------------------------------------------------------------------------

PageQueue& PageBuffer::QueueOf(QueueName name) {
  CHECK(name != QueueName::kNone);
  if (name == QueueName::kStandby) return standby_;
  return name == QueueName::kProtected ? protected_ : probation_;
}

void PageBuffer::Push(PageQueue& queue, NodeIndex index) {
  const uint64_t page_bytes = nodes_[index].region->page_bytes;
  queue.PushTail(nodes_, index, page_bytes);
  if (&queue != &standby_) mapped_bytes_.fetch_add(page_bytes, std::memory_order_relaxed);
}

void PageBuffer::Unlink(NodeIndex index) {
  PageNode& node = nodes_[index];
  PageQueue& queue = QueueOf(node.queue);
  queue.Remove(nodes_, index, node.region->page_bytes);
  if (&queue != &standby_) {
    mapped_bytes_.fetch_sub(node.region->page_bytes, std::memory_order_relaxed);
  }
}

NodeIndex PageBuffer::AddNode(Region& region, PageIndex page) {
  const NodeIndex index = nodes_.Allocate();
  nodes_[index].region = &region;
  nodes_[index].page = page;
  region.table[page].link.store(index, std::memory_order_relaxed);
  region.table.AddResident(page, 1);
  return index;
}

void PageBuffer::FreeNode(NodeIndex index, uint32_t link) {
  PageNode& node = nodes_[index];
  node.region->table[node.page].link.store(link, std::memory_order_relaxed);
  node.region->table.AddResident(node.page, -1);
  nodes_.Free(index);
}

void PageBuffer::InsertMapped(Region& region, PageIndex first, PageIndex count) {
  MutexLock lock(mutex_);
  for (PageIndex page = first; page < first + count; page++) {
    const uint32_t history = region.table[page].link.load(std::memory_order_relaxed);
    Place(AddNode(region, page), history);
  }
}

void PageBuffer::Adopt(Region& region, PageIndex page) {
  MutexLock lock(mutex_);
  UseMemory(region.page_bytes);
  Place(AddNode(region, page), kNeverEvicted);
}

bool PageBuffer::InsertStandby(Region& region, PageIndex first,
                               const SlotRuns& frames) {
  constexpr uint32_t kAsked = kWanted | kWantedForWriting | kPinned;
  MutexLock lock(mutex_);
  PageIndex page = first;
  for (const SlotRun& run : frames) {
    for (SlotIndex slot = run.first; slot < run.first + run.count; slot++, page++) {
      PageEntry& entry = region.table[page];
      PageWord word = entry.Load();
      // A fault that finds the page on standby waits for the mutex, and then for its node.
      while (!word.Has(kAsked)) {
        if (entry.Replace(&word, word.In(PageState::kStandby).With(kReadAhead))) break;
      }
      if (word.Has(kAsked)) {
        // Take back what was done: nobody can have claimed it under the mutex.
        for (PageIndex done = first; done < page; done++) RemoveStandby(region, done);
        return false;
      }
      const NodeIndex node = AddNode(region, page);
      nodes_[node].slot = slot;
      Push(standby_, node);
    }
  }
  return true;
}

SlotIndex PageBuffer::RemoveStandby(Region& region, PageIndex page) {
  PageEntry& entry = region.table[page];
  const NodeIndex node = entry.link.load(std::memory_order_relaxed);
  const SlotIndex slot = nodes_[node].slot;
  Unlink(node);
  FreeNode(node, entry.Load().Has(kReadAhead) ? kNeverEvicted : kFromStandby);
  entry.MoveTo(PageState::kFilling, kLasting);
  return slot;
}

PageIndex PageBuffer::TakeStandby(Region& region, PageIndex first, PageIndex count_max,
                                  SlotRuns* frames, uint32_t* read_ahead_pages) {
  MutexLock lock(mutex_);
  PageIndex count = 0;
  for (; count < count_max && first + count < region.page_count; count++) {
    const PageWord word = region.table[first + count].Load();
    if (word.state() != PageState::kStandby) break;
    if (word.Has(kReadAhead)) (*read_ahead_pages)++;
    const SlotIndex slot = RemoveStandby(region, first + count);
    if (!frames->empty() && frames->back().first + frames->back().count == slot) {
      frames->back().count++;
    } else {
      frames->push_back({slot, 1});
    }
  }
  return count;
}

void PageBuffer::Forget(Region& region, PageIndex page, bool holds_memory) {
  MutexLock lock(mutex_);
  const NodeIndex index = region.table[page].link.load(std::memory_order_relaxed);
  PageNode& node = nodes_[index];
  CHECK(node.region == &region && node.page == page);
  if (node.queue != QueueName::kNone) Unlink(index);
  if (node.slot != kNoSlot) {
    region.pool->free().Put({node.slot, 1});
  } else if (holds_memory) {
    held_bytes_ -= region.page_bytes;
  }
  FreeNode(index, kNeverEvicted);
}

uint64_t PageBuffer::PinnableBytes() const {
  MutexLock lock(mutex_);
  const uint64_t budget = budget_bytes();
  return std::min(budget / 100 * limits_.low_water_percent,
                  budget - std::min(budget, KeptFreeBytes()));
}

uint64_t PageBuffer::KeptFreeBytes() const {
  return pools_.empty() ? 0 : 2 * pools_.rbegin()->first.first;
}

uint64_t PageBuffer::FreeFrameBytes() const {
  uint64_t bytes = 0;
  for (const auto& [key, pool] : pools_) {
    if (pool) bytes += pool->free().count() * pool->page_bytes();
  }
  return bytes;
}

// Statistics -------------------------------------------------------------------------------------

uint64_t PageBuffer::resident_bytes() const {
  MutexLock lock(mutex_);
  return held_bytes_;
}

uint64_t PageBuffer::resident_bytes_max() const {
  MutexLock lock(mutex_);
  return held_bytes_max_;
}

uint64_t PageBuffer::standby_bytes() const {
  MutexLock lock(mutex_);
  return standby_.bytes();
}

uint64_t PageBuffer::protected_bytes() const {
  MutexLock lock(mutex_);
  return protected_.bytes();
}

}  // namespace umap
