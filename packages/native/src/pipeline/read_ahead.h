// Predicts what a thread will touch next from the faults it takes: sequences and strides. The
// window of a stream doubles while it is used and closes when what was read is dropped unused.
//
// A sequence costs one fault a window: the window is mapped as it comes, but for its first page,
// the marker, which waits on standby; the fault on it starts the window after (the marker of
// Linux's mm/readahead.c). Guesses of a stride wait on standby all. Any filler; a mutex, held for a
// look at the streams.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "os/mutex.h"
#include "page/page_word.h"

namespace umap {

class PageBuffer;
struct Region;

// What to do about one fault, in pages.
struct ReadAheadPlan {
  // Pages to fill ahead: `fill_count` of them, `stride` apart.
  PageIndex fill_first = 0;
  PageIndex fill_count = 0;
  int64_t stride = 1;
  // The first page is the marker of the window, and stays unmapped.
  bool parks_first = true;
  // Pages of the window that was reached with this fault, which were read ahead.
  PageIndex used_count = 0;
  // Whether a new window of a sequence begins, which NoteFilled must hear of.
  bool opens_window = false;
};

class ReadAhead {
 public:
  // A thread faulted on a page that is not mapped; `thread` only tells threads apart.
  // REQUIRES: region.read_ahead_pages_max > 0.
  ReadAheadPlan OnFault(Region& region, PageIndex page, uint64_t thread);
  // How many pages of a plan's new window were really absent, and filled.
  void NoteFilled(const Region& region, const ReadAheadPlan& plan, PageIndex count);

 private:
  struct Stream {
    uint64_t region_number = 0;
    // Only compared: it may be gone.
    const PageBuffer* buffer = nullptr;
    uint64_t thread = 0;
    PageIndex last = 0;
    int64_t stride = 0;
    // Faults in a row that came as predicted.
    uint32_t streak = 0;
    PageIndex window = 0;
    // Sequences: the window that was read last is [marker, end). Strides: `end` is the page up to
    // which was read ahead.
    int64_t marker = 0;
    int64_t end = 0;
    PageIndex filled = 0;
    uint64_t used = 0;
    // How many lone faults there had been when its last window began.
    uint64_t lone_faults = 0;
  };

  Stream* Match(Region& region, PageIndex page, uint64_t thread) REQUIRES(mutex_);
  uint64_t WindowBytesMax(const Region& region) const REQUIRES(mutex_);
  void Resize(Region& region, Stream* stream) REQUIRES(mutex_);
  ReadAheadPlan Sequential(Region& region, Stream* stream, PageIndex page) REQUIRES(mutex_);
  ReadAheadPlan Strided(Region& region, Stream* stream, PageIndex page) REQUIRES(mutex_);

  Mutex mutex_;
  std::array<Stream, 64> streams_ GUARDED_BY(mutex_);
  uint64_t clock_ GUARDED_BY(mutex_) = 0;
  // Faults that were near to no other, of all regions, ever.
  uint64_t lone_faults_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
