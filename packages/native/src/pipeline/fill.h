// A fill under way: a run of pages in state filling, the frames their bytes go to, and the call on
// the store that brings them. Owned by whoever drives it: a filler, or the store until Done.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "os/slab.h"
#include "page/frame_pool.h"
#include "page/page_word.h"
#include "pipeline/batch.h"
#include "store/store.h"

namespace umap {

class Pager;
struct Region;

enum class FillCause : uint8_t {
  kFault,      // a thread waits: the page is mapped at once
  kPrefault,   // the caller asked: mapped too, but nobody waits yet
  kReadAhead,  // a guess: the pages go to standby
  kWindow,     // the rest of a sequence that has proved itself: mapped, though nobody waits
};

// Nobody asked: such a fill is given up where it meets trouble.
constexpr bool IsGuess(FillCause cause) {
  return cause == FillCause::kReadAhead || cause == FillCause::kWindow;
}

struct Fill final : StoreCall, SlabAllocated<Fill> {
  Fill(Pager& fill_pager, Region& fill_region, PageIndex first_page, PageIndex page_count,
       FillCause fill_cause)
      : pager(fill_pager),
        region(fill_region),
        first(first_page),
        count(page_count),
        cause(fill_cause) {}

  void Done(StoreResult result) override;

  Pager& pager;
  Region& region;
  const PageIndex first;
  const PageIndex count;
  FillCause cause;
  // A write waits: the page arrives writable and dirty.
  bool for_write = false;
  // Poison markers lie in the way.
  bool heals = false;
  // The bytes are in the frames: only memory to map them is missing.
  bool filled = false;
  bool has_memory = false;
  // The frames themselves go into the mapping; else their bytes are copied. Fixed with the memory.
  bool moves = false;
  // It was parked for want of memory, and counts as waiting until it has some.
  bool waits = false;
  // It is driven by a signal handler: nothing may ask the heap for memory.
  bool in_handler = false;
  uint32_t attempts = 0;
  // How often there was no memory for it.
  uint32_t refusals = 0;
  int64_t started_ns = 0;
  int64_t waits_since_ns = 0;
  // Its neighbours among those that wait, and whom it is followed by where it is posted or parked.
  Fill* waits_before = nullptr;
  Fill* waits_after = nullptr;
  Fill* next = nullptr;
  SlotRuns frames;
  std::shared_ptr<Batch> batch;
};

// Fills in the order in which they came. Guarded by whoever has it.
class FillQueue {
 public:
  FillQueue() = default;
  FillQueue(FillQueue&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(other.last_) {}
  FillQueue& operator=(FillQueue&&) = delete;

  bool empty() const { return first_ == nullptr; }
  void Push(Fill* fill) {
    fill->next = nullptr;
    (first_ ? last_->next : first_) = fill;
    last_ = fill;
  }
  Fill* Pop() {
    Fill* const fill = first_;
    first_ = fill->next;
    return fill;
  }

 private:
  Fill* first_ = nullptr;
  Fill* last_ = nullptr;
};

}  // namespace umap
