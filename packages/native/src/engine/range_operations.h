// Operations on ranges of pages, each as a function that waits until it is done. Run on job
// threads, which may be blocked in a store; never on a filler or evictor.
#pragma once

#include <vector>

#include "page/events.h"
#include "page/page_word.h"
#include "pipeline/pager.h"

namespace umap {

struct SharedPages;

struct PageRange {
  PageIndex first = 0;
  PageIndex end = 0;
};

// Whether a page that is present is being written, or made writable.
bool IsMoving(PageWord word);
// The pages that a byte range touches.
PageRange PagesOf(const Region& region, ByteRange range);

// One call on the region's store, waited for and watched.
Status CallStore(Pager& pager, Region& region, StoreOp op, uint64_t offset, uint64_t byte_length,
                 void* memory);
// Fills what is not resident. The first failure; the other pages are filled all the same.
Status PrefaultPages(Pager& pager, Region& region, const std::vector<ByteRange>& ranges);
// Writes back every byte that was written to the range before the call.
Status WriteBackPages(Pager& pager, Region& region, PageRange range);
// That, and makes it durable in the store.
Status FlushPages(Pager& pager, Region& region, PageRange range);
// Writes back, then drops what is clean and not pinned.
Status EvictPages(Pager& pager, Region& region, PageRange range);
// Drops the pages inside the range unwritten and makes them a hole in the store; zeroes what the
// range covers of the pages at its ends.
Status DiscardRange(Pager& pager, Region& region, ByteRange range);
// The end of a region, in two steps. Takes each resident page from whoever works on it, so that an
// eviction under way ends and no other begins. REQUIRES: nobody touches the region.
void ClaimPages(Pager& pager, Region& region);
// Takes what was claimed out of the books. REQUIRES: the region is unmapped.
void ForgetPages(Region& region);

enum class PinLimit : uint8_t {
  // ENOMEM where the buffer could hold no more pins beside it.
  kKept,
  // For one page and a moment: the reserve that the limit leaves to faults serves this one too, and
  // whoever holds such a pin waits for no other memory.
  kExceeded,
};

// Makes the range resident, and keeps it so until it is unpinned as often.
Status PinRange(Pager& pager, Region& region, ByteRange range, PinLimit limit);
void UnpinRange(Region& region, ByteRange range);
// The files of shared pages become the region's, and its table. EINVAL: they are not such a
// region's, or hold changes that this one cannot write.
Status TakePages(const SharedPages& shared, Region& region);
// Goes on where another process has left the pages, in any state: what is in memory gets its place
// in the books, what was on its way in or out is dropped. `states`: the file of the table.
void AdoptPages(Region& region, int states);
// Takes every pin of the region back.
void UnpinAll(Region& region);

}  // namespace umap
