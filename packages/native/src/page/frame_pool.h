// Frames of one size: slots of address space, most of them with memory that is recycled instead of
// being given back, since a fresh page costs the kernel microseconds. A slot is vacant (no memory),
// free (memory, bytes of no meaning) or taken (its user knows). The page buffer's mutex guards it.
//
// Where frames have their places, slot n belongs to page n of one region, and is never anybody
// else's: then nothing is vacant or free, and memory that is not needed is given back.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "os/inline_vector.h"
#include "os/mapping.h"
#include "page/page_word.h"

namespace umap {

using SlotIndex = uint32_t;
constexpr SlotIndex kNoSlot = ~SlotIndex{0};

// Neighbouring slots.
struct SlotRun {
  SlotIndex first = 0;
  uint32_t count = 0;
};

// A page's frame is one run; what has more goes to the heap.
using SlotRuns = InlineVector<SlotRun, 4>;

// A set of slots that hands out neighbours where it can.
class SlotSet {
 public:
  explicit SlotSet(SlotIndex slot_count) : words_((uint64_t{slot_count} + 63) / 64) {}

  uint32_t count() const { return count_; }
  void Put(SlotRun run);
  // Takes up to `count` neighbours, at least one. REQUIRES: count() > 0, count > 0.
  SlotRun Take(uint32_t count);

 private:
  bool Has(SlotIndex slot) const { return words_[slot / 64] >> (slot % 64) & 1; }

  std::vector<uint64_t> words_;
  uint32_t count_ = 0;
  // Where the next search starts: the slot put back last, whose memory is warm.
  SlotIndex hint_ = 0;
};

class FramePool {
 public:
  FramePool(uint64_t page_bytes, SlotIndex slot_count, Mapping memory);
  // Places for the pages of one region.
  FramePool(uint64_t page_bytes, Mapping memory);

  uint64_t page_bytes() const { return page_bytes_; }
  bool placed() const { return placed_; }
  uint8_t* AddressOf(SlotIndex slot) const { return memory_.data() + uint64_t{slot} * page_bytes_; }
  // Gives the memory of slots back. Not under the mutex: the slots belong to the caller.
  void ReleaseMemory(SlotRun run) const {
    memory_.Release(uint64_t{run.first} * page_bytes_, uint64_t{run.count} * page_bytes_);
  }
  // Part of a frame whose other part was moved away.
  void ReleaseAddressRange(uint8_t* begin, uint64_t bytes) const {
    memory_.Release(static_cast<uint64_t>(begin - memory_.data()), bytes);
  }

  // A slot that the page's bytes may move to; kNoSlot: there is none.
  SlotIndex TakeVacant(PageIndex page) {
    if (placed_) return page;
    return vacant_.count() == 0 ? kNoSlot : vacant_.Take(1).first;
  }
  SlotSet& vacant() { return vacant_; }
  SlotSet& free() { return free_; }

 private:
  const uint64_t page_bytes_;
  const bool placed_;
  Mapping memory_;
  SlotSet vacant_;
  SlotSet free_;
};

}  // namespace umap
