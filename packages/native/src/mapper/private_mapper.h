// The mapper over a userfaultfd: a region is private anonymous memory, whose pages the kernel
// copies or moves in, atomically, and moves out. Faults are messages of the userfaultfd, or, where
// it was opened for that, a SIGBUS on the thread that touches.
#pragma once

#include <memory>

#include "os/unique_fd.h"
#include "os/userfaultfd.h"
#include "page/mapper.h"

namespace umap {

class PrivateMapper final : public Mapper {
 public:
  static Status Create(Userfaultfd uffd, std::unique_ptr<PrivateMapper>* mapper);

  const Userfaultfd& uffd() const { return uffd_; }
  // ENOSYS: this kernel cannot do what a region of this kind needs.
  Status CheckAccess(bool writable) const;

  FaultMode mode() const override { return uffd_.mode(); }
  Status MapRegion(Region& region) override;
  void UnmapRegion(Region& region) override;
  Status CreatePool(uint64_t page_bytes, SlotIndex slot_count,
                    std::unique_ptr<FramePool>* pool) override;
  bool places_frames() const override { return false; }
  bool moves() const override { return uffd_.has_move(); }
  bool has_zero_page() const override { return true; }
  void MapIn(Region& region, PageIndex page, SlotRun run, bool moves, bool for_write) override;
  void MapZeros(Region& region, PageIndex first, PageIndex count) override;
  uint64_t TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                   uint64_t bytes) override;
  void PutBack(Region& region, PageIndex page, SlotIndex slot, uint64_t bytes) override;
  void Release(Region& region, PageIndex first, PageIndex count) override;
  void ReleaseEach(Region& region, const SlotRun* runs, size_t count) override;
  void Protect(Region& region, PageIndex first, PageIndex count) override;
  void Unprotect(Region& region, PageIndex page) override;
  void Poison(Region& region, PageIndex page, const Status& status) override;
  void Unpoison(Region& region, PageIndex first, PageIndex count) override;
  void Wake(Region& region, PageIndex page) override;
  bool Restore(Region& region, PageIndex page) override;

 private:
  PrivateMapper(Userfaultfd uffd, UniqueFd empty_file);

  void MoveIn(Region& region, PageIndex page, SlotRun run);

  const Userfaultfd uffd_;
  const UniqueFd empty_file_;  // touching a mapping of it is an error
};

}  // namespace umap
