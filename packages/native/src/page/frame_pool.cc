// See frame_pool.h.
#include "page/frame_pool.h"

#include <algorithm>
#include <bit>

#include "os/check.h"

namespace umap {

void SlotSet::Put(SlotRun run) {
  const SlotIndex end = run.first + run.count;
  for (SlotIndex slot = run.first; slot < end;) {
    const SlotIndex count = std::min(end - slot, 64 - slot % 64);
    words_[slot / 64] |= (~uint64_t{0} >> (64 - count)) << (slot % 64);
    slot += count;
  }
  count_ += run.count;
  hint_ = run.first;
}

SlotRun SlotSet::Take(uint32_t count) {
  CHECK(count_ > 0 && count > 0);
  // 1. The first slot at or behind the hint, around the end.
  uint64_t word = hint_ / 64;
  uint64_t bits = words_[word] & (~uint64_t{0} << (hint_ % 64));
  while (bits == 0) {
    word = word + 1 == words_.size() ? 0 : word + 1;
    bits = words_[word];
  }
  const SlotIndex first = static_cast<SlotIndex>(word * 64 + std::countr_zero(bits));
  // 2. As many neighbours as there are.
  const uint64_t end = words_.size() * 64;
  SlotIndex last = first;
  while (last < end && last - first < count && Has(last)) {
    words_[last / 64] &= ~(uint64_t{1} << (last % 64));
    last++;
  }
  count_ -= last - first;
  hint_ = last < end ? last : 0;
  return {first, last - first};
}

FramePool::FramePool(uint64_t page_bytes, SlotIndex slot_count, Mapping memory)
    : page_bytes_(page_bytes),
      placed_(false),
      memory_(std::move(memory)),
      vacant_(slot_count),
      free_(slot_count) {
  vacant_.Put({0, slot_count});
}

FramePool::FramePool(uint64_t page_bytes, Mapping memory)
    : page_bytes_(page_bytes), placed_(true), memory_(std::move(memory)), vacant_(0), free_(0) {}

}  // namespace umap
