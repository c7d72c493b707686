// The mapper that needs no userfaultfd: a region is a mapping of a memory file under mprotect(2),
// and every frame lies in the same file at its page's place, filled through a second mapping, the
// alias. A page that nobody may touch keeps its bytes there until they are given back, so standby
// costs no copy. Faults are SIGSEGV on the thread that touches.
//
// Rights are a cache: they may be less than a page's state allows, never more. A touch in vain then
// gets them back by Restore. So the number of mappings, which the kernel limits, stays bounded:
// where it comes near the limit, whole stretches of a region are closed in one call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mapper/page_rights.h"
#include "os/mutex.h"
#include "os/unique_fd.h"
#include "page/mapper.h"

namespace umap {

class AliasMapper final : public Mapper {
 public:
  static Status Create(std::unique_ptr<AliasMapper>* mapper);

  FaultMode mode() const override { return FaultMode::kSignal; }
  Status MapRegion(Region& region) override;
  void UnmapRegion(Region& region) override;
  Status CreatePool(uint64_t page_bytes, SlotIndex slot_count,
                    std::unique_ptr<FramePool>* pool) override;
  bool places_frames() const override { return true; }
  bool moves() const override { return true; }
  bool has_zero_page() const override { return false; }
  void MapIn(Region& region, PageIndex page, SlotRun run, bool moves, bool for_write) override;
  void MapZeros(Region& region, PageIndex first, PageIndex count) override;
  uint64_t TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                   uint64_t bytes) override;
  void PutBack(Region& region, PageIndex page, SlotIndex slot, uint64_t bytes) override;
  void Release(Region& region, PageIndex first, PageIndex count) override;
  void Protect(Region& region, PageIndex first, PageIndex count) override;
  void Unprotect(Region& region, PageIndex page) override;
  bool AddPins(int64_t ranges) override;
  void Poison(Region& region, PageIndex page, const Status& status) override;
  void Unpoison(Region& region, PageIndex first, PageIndex count) override;
  void Wake(Region& region, PageIndex page) override;
  bool Restore(Region& region, PageIndex page) override;

 private:
  struct Memory;

  AliasMapper(uint64_t mappings_max, UniqueFd empty_file);

  static Memory& MemoryOf(Region& region);
  static Right RightToRead(const Region& region);
  void SetRights(Region& region, PageIndex first, PageIndex count, Right right) REQUIRES(mutex_);
  bool TrySetRights(Region& region, PageIndex first, PageIndex count, Right right)
      REQUIRES(mutex_);
  // The mapping of the pages was replaced.
  void NoteReplaced(Region& region, PageIndex first, PageIndex count, Right right)
      REQUIRES(mutex_);
  // Closes stretches with many mappings until there are few, as far as pins let it.
  void MakeRoom() REQUIRES(mutex_);
  void CloseStretch(Region& region, PageIndex first, PageIndex count) REQUIRES(mutex_);

  const UniqueFd empty_file_;  // touching a mapping of it is an error
  Mutex mutex_;
  uint64_t mappings_ GUARDED_BY(mutex_) = 0;
  uint64_t mappings_max_ GUARDED_BY(mutex_);
  int64_t pinned_ranges_ GUARDED_BY(mutex_) = 0;
  std::vector<Region*> regions_ GUARDED_BY(mutex_);
  // Where MakeRoom goes on: a region, and a page in it.
  size_t hand_region_ GUARDED_BY(mutex_) = 0;
  PageIndex hand_page_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
