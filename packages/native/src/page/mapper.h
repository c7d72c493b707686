// How pages get into a region's memory and out of it: what the pipeline asks of the kernel,
// whatever the way in which faults arrive. Thread-safe; a page is moved by whoever owns its state.
// Every method may run in a signal handler on a thread that touched a page, save those that say
// otherwise.
#pragma once

#include <cstdint>
#include <memory>

#include "os/fault_mode.h"
#include "os/status.h"
#include "page/frame_pool.h"
#include "page/page_word.h"

namespace umap {

struct Region;

// What a mapper keeps of a region for itself.
class MapperState {
 public:
  virtual ~MapperState() = default;
};

class Mapper {
 public:
  virtual ~Mapper() = default;

  virtual FaultMode mode() const = 0;

  // Beginning and end; never in a signal handler.

  // Maps memory for the region's pages, all of them absent.
  virtual Status MapRegion(Region& region) = 0;
  // REQUIRES: nobody touches the region, or works on it.
  virtual void UnmapRegion(Region& region) = 0;
  // Frames that any region of this mapper may use; not asked for where frames have their places.
  virtual Status CreatePool(uint64_t page_bytes, SlotIndex slot_count,
                            std::unique_ptr<FramePool>* pool) = 0;

  // What it can do.

  // The frames of a region lie where its pages do: slot n is page n's.
  virtual bool places_frames() const = 0;
  // A frame itself becomes the page, and the page a frame; else bytes are copied, and dropped.
  virtual bool moves() const = 0;
  // A page can be taken away with its bytes; else it can only be released.
  virtual bool takes_out() const { return moves(); }
  // A hole is mapped without memory.
  virtual bool has_zero_page() const = 0;

  // In. The page is filling, or dirtying where `for_write`, and belongs to the caller.

  // The bytes of `run` are the pages from `page` on, at once and whole; threads that wait for them
  // are woken. They arrive protected against writes that must be noticed, unless `for_write`.
  virtual void MapIn(Region& region, PageIndex page, SlotRun run, bool moves, bool for_write) = 0;
  virtual void MapZeros(Region& region, PageIndex first, PageIndex count) = 0;

  // Out. The pages are evicting, and belong to the caller.

  // Takes up to `bytes` from byte `done` of the pages from `page` on away, into the slots from
  // `slot` on, atomically. Returns how many bytes went; the kernel may refuse for a while.
  virtual uint64_t TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                           uint64_t bytes) = 0;
  // Brings bytes [0, bytes) of a page back that the kernel would not give away whole.
  virtual void PutBack(Region& region, PageIndex page, SlotIndex slot, uint64_t bytes) = 0;
  // Gives the memory of pages back: absent for the kernel.
  virtual void Release(Region& region, PageIndex first, PageIndex count) = 0;
  // The same for runs of pages at once, up to kReleasedMax.
  static constexpr size_t kReleasedMax = 64;
  virtual void ReleaseEach(Region& region, const SlotRun* runs, size_t count) {
    for (size_t i = 0; i < count; i++) Release(region, runs[i].first, runs[i].count);
  }

  // Writes.

  // From here on a write to the pages, which are present, is noticed.
  virtual void Protect(Region& region, PageIndex first, PageIndex count) = 0;
  // Writes may go on, and the threads that wait for that do.
  virtual void Unprotect(Region& region, PageIndex page) = 0;

  // Pinned ranges more, or less: what is pinned must be accessible all the time. False: there
  // cannot be so many.
  virtual bool AddPins(int64_t) { return true; }

  // Trouble.

  // A touch of the page, which is absent, is an error from here on: SIGBUS. `status`: why.
  virtual void Poison(Region& region, PageIndex page, const Status& status) = 0;
  // Takes that back.
  virtual void Unpoison(Region& region, PageIndex first, PageIndex count) = 0;
  // Threads that wait in the kernel for the page try again.
  virtual void Wake(Region& region, PageIndex page) = 0;
  // A thread faulted on a page that is present: it may read it from here on. False: it could
  // before.
  virtual bool Restore(Region& region, PageIndex page) = 0;
  // The pages' words have moved on, and may allow what was asked for before: for mappers that map
  // pages by their words, for each who asks.
  virtual void Admit(Region&, PageIndex, PageIndex) {}
};

}  // namespace umap
