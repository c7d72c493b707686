// The page buffer: a budget of memory shared by any number of regions, the frames in it, and the
// order in which pages leave. Nothing here does I/O or touches a page; the stages of the pipeline
// decide and act, the buffer keeps the books. Thread-safe; one mutex, held for bookkeeping only.
//
// A page with memory is on exactly one queue, or between queues while an eviction or a fill owns
// it: probation (mapped, new), protected (mapped, came back once), standby (taken from the mapping,
// its bytes still in a frame). See docs/decisions/0001-eviction-policy.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "os/mutex.h"
#include "page/frame_pool.h"
#include "page/page_queue.h"
#include "page/page_word.h"

namespace umap {

class Mapper;
struct Region;

// A clean page that is being evicted, and the vacant slot that its bytes may move to.
struct Victim {
  Region* region = nullptr;
  PageIndex page = 0;
  SlotIndex slot = kNoSlot;
  // The kernel's zero page is mapped: there is no memory behind it.
  bool zero = false;
};

// How many are chosen, or given back, without asking the heap for memory.
constexpr size_t kPiecesInline = 16;
using Victims = InlineVector<Victim, kPiecesInline>;

// Slots whose memory is to be given back by the caller, outside the mutex.
struct Garbage {
  struct Piece {
    FramePool* pool;
    SlotRun run;
    // Where frames have their places: whose pages they are, evicting until the memory is gone.
    Region* region;
  };
  InlineVector<Piece, kPiecesInline> pieces;
  // How much of it the budget still counts.
  uint64_t counted_bytes = 0;
  // How many slots may be named here at most.
  uint64_t pieces_max = UINT64_MAX;
};

struct BufferLimits {
  uint64_t budget_bytes = 0;
  // What an adaptive budget may grow to; else the budget.
  uint64_t budget_bytes_max = 0;
  uint32_t high_water_percent = 90;
  uint32_t low_water_percent = 85;
  bool adaptive = false;
};

class PageBuffer {
 public:
  explicit PageBuffer(const BufferLimits& limits);

  bool adaptive() const { return limits_.adaptive; }
  uint64_t budget_bytes() const { return budget_bytes_.load(std::memory_order_relaxed); }
  // What may be pinned at most, so that eviction can always reach the low watermark, and a fault
  // always finds memory.
  uint64_t PinnableBytes() const;
  uint64_t budget_bytes_max() const { return limits_.budget_bytes_max; }
  // Follows memory pressure, within what is possible. A smaller budget is reached by eviction, not
  // at once.
  void SetBudget(uint64_t bytes);

  // Regions ------------------------------------------------------------------------------------

  // Counts a region in, and finds or makes the pool of its page size; `*pool` stays what it is
  // where the mapper gives frames their places.
  Status AddRegion(Mapper& mapper, uint64_t page_bytes, FramePool** pool);
  // Counts it out; with the last one every frame is given back.
  // REQUIRES: Forget was called for each of its pages.
  void RemoveRegion();
  uint32_t region_count() const { return region_count_.load(); }

  // Memory -------------------------------------------------------------------------------------

  // Takes `frame_count` frames and the right to `extra_bytes` of memory beside them, whole or not
  // at all. Standby pages are dropped to make room. The caller gives `garbage` back, by
  // ReleaseGarbage, before it uses what it got, also on failure. `taker` only tells takers apart.
  bool TakeMemory(const void* taker, FramePool& pool, uint32_t frame_count, uint64_t extra_bytes,
                  SlotRuns* frames, Garbage* garbage);
  // Nobody else is given memory until the taker has got its own; nothing is done where another one
  // has a claim. REQUIRES: the taker goes on asking.
  void Claim(const void* taker, uint64_t bytes);
  // What must be taken from the mapping so that the claim can be met; 0 without one.
  uint64_t ClaimShortage() const;
  // What of the budget was never used yet.
  uint64_t FreshBytes() const;
  void ReleaseGarbage(Garbage* garbage);
  // Frames back for reuse.
  void PutFrames(FramePool& pool, const SlotRuns& frames);
  // The slots' memory was moved into a mapping; it is counted there from now on.
  void VacateFrames(FramePool& pool, const SlotRuns& frames);
  // Memory that was mapped, or only reserved, was given back to the kernel.
  void ReturnMemory(uint64_t bytes);
  // Bytes held above the budget: gives back free frames, then the oldest on standby.
  void Trim();

  // Pages --------------------------------------------------------------------------------------

  // Pages that were filled get their places in the queues, before they are mapped: a page whose
  // state says clean or dirty always has one. Which queue, the page's history says.
  // REQUIRES: the caller owns the pages' states.
  void InsertMapped(Region& region, PageIndex first, PageIndex count);
  // A page that was there before this process gets its place, and its memory is counted, above the
  // budget too. REQUIRES: the caller owns the page's state.
  void Adopt(Region& region, PageIndex page);
  // Pages that were filled ahead wait in `frames`: moves each to kStandby. False, and nothing is
  // done, when one of them was wanted meanwhile.
  bool InsertStandby(Region& region, PageIndex first, const SlotRuns& frames);
  // Claims a standby page and those on standby behind it, up to `count_max`: moves them to kFilling
  // and hands out their frames. Returns how many; 0 when the page is not on standby any more.
  PageIndex TakeStandby(Region& region, PageIndex first, PageIndex count_max,
                        SlotRuns* frames, uint32_t* read_ahead_pages);
  // A mapped or standby page left by other ways than eviction (close, discard): forgets its node
  // and puts its frame, if any, back. The memory of a mapped page is the caller's to give back, and
  // counted out here. REQUIRES: the caller owns the page's state.
  void Forget(Region& region, PageIndex page, bool holds_memory);

  // Eviction -----------------------------------------------------------------------------------

  // Mapped bytes to evict now to reach the low watermark; 0 below the high one.
  uint64_t BytesToEvict() const;
  // Chooses clean pages up to `bytes`, moves them to kEvicting and off their queue, and gives each
  // a slot to move to. Other pages met on the way go to the tail; `dirty` names the dirty ones,
  // which count, or is null, and the search ends early. Each page named counts as in flight.
  void ChooseVictims(uint64_t bytes, Victims* victims, Victims* dirty,
                     uint64_t count_max = UINT64_MAX);
  // Claims one mapped clean page for eviction. False when it is not clean, or pinned.
  bool ClaimVictim(Region& region, PageIndex page, Victim* victim);
  // How an eviction ended; each returns the word that it replaced, whose flags tell whether faults
  // wait. To standby: the bytes are in the victim's slot.
  PageWord FinishToStandby(const Victim& victim);
  // Dropped: its memory is gone or, where `frame_kept`, it is the memory of the slot, free for use.
  // `remember`: that it left for want of room.
  PageWord FinishDropped(const Victim& victim, bool frame_kept, bool remember);
  // Kept: the kernel would not give the page away. `state` is kClean or kDirty.
  PageWord FinishKept(const Victim& victim, PageState state);

  // Statistics ---------------------------------------------------------------------------------

  // Physical memory: mapped, standby and free frames. Never above the budget.
  uint64_t resident_bytes() const;
  uint64_t resident_bytes_max() const;
  uint64_t mapped_bytes() const { return mapped_bytes_.load(std::memory_order_relaxed); }
  uint64_t standby_bytes() const;
  uint64_t protected_bytes() const;

  // Bytes in dirtying, dirty and writing-back.
  std::atomic<uint64_t> dirty_bytes{0};
  std::atomic<uint64_t> pinned_bytes{0};
  // Being written back in order to be evicted.
  std::atomic<uint64_t> leaving_bytes{0};
  // Fills that were refused memory and have none yet.
  std::atomic<uint32_t> waiting_fills{0};

 private:
  // Makes `bytes` of room, from free frames first, then from standby. A frame of `reuse` goes to
  // `frames` instead of being given back, until `reuse_count` are there.
  bool MakeRoom(uint64_t bytes, FramePool* reuse, uint32_t reuse_count,
                SlotRuns* frames, Garbage* garbage) REQUIRES(mutex_);
  // Drops the oldest standby page; its frame is the caller's.
  bool DropStandby(Garbage::Piece* piece) REQUIRES(mutex_);
  void UseMemory(uint64_t bytes) REQUIRES(mutex_);
  // What a fault of the largest pages needs: a frame, and a page to copy it to.
  uint64_t KeptFreeBytes() const REQUIRES(mutex_);
  uint64_t FreeFrameBytes() const REQUIRES(mutex_);
  PageQueue& QueueOf(QueueName name) REQUIRES(mutex_);
  void Push(PageQueue& queue, NodeIndex node) REQUIRES(mutex_);
  void Unlink(NodeIndex node) REQUIRES(mutex_);
  NodeIndex AddNode(Region& region, PageIndex page) REQUIRES(mutex_);
  void FreeNode(NodeIndex node, uint32_t link) REQUIRES(mutex_);
  uint32_t NextEviction() REQUIRES(mutex_);
  SlotIndex RemoveStandby(Region& region, PageIndex page) REQUIRES(mutex_);
  void Place(NodeIndex node, uint32_t history) REQUIRES(mutex_);
  // Where the next victim should come from, given how many pages of each queue the search has not
  // looked at yet; what it has looked at cannot leave.
  NodeIndex VictimHead(uint64_t probation_left, uint64_t protected_left) REQUIRES(mutex_);
  bool TakeVictim(NodeIndex node, Victim* victim) REQUIRES(mutex_);

  const BufferLimits limits_;
  std::atomic<uint64_t> budget_bytes_;
  std::atomic<uint32_t> region_count_{0};
  std::atomic<uint64_t> mapped_bytes_{0};

  mutable Mutex mutex_;
  // By page size and mapper; none where frames have their places.
  std::map<std::pair<uint64_t, Mapper*>, std::unique_ptr<FramePool>> pools_ GUARDED_BY(mutex_);
  NodeArray nodes_ GUARDED_BY(mutex_);
  // Invariant: every node is on exactly one queue, or kNone while its page is owned by a move.
  PageQueue probation_ GUARDED_BY(mutex_){QueueName::kProbation};
  PageQueue protected_ GUARDED_BY(mutex_){QueueName::kProtected};
  PageQueue standby_ GUARDED_BY(mutex_){QueueName::kStandby};
  uint64_t held_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t held_bytes_max_ GUARDED_BY(mutex_) = 0;
  // Who has a claim on memory, if anybody, and on how much.
  const void* claimant_ GUARDED_BY(mutex_) = nullptr;
  uint64_t claimed_bytes_ GUARDED_BY(mutex_) = 0;
  // Calls of Trim that are giving memory back outside the mutex.
  uint32_t trimming_ GUARDED_BY(mutex_) = 0;
  CondVar trimmed_;
  // Pages that were dropped for want of room, ever; its value names an eviction.
  uint32_t evictions_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
