// Recovery: a region goes on over the pages and the words that a process left behind which died at
// any moment. What each state becomes is written in docs/page-states.md. Runs where the region is
// opened, before anybody knows it.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/range_operations.h"
#include "engine/shared_region.h"

namespace umap {
namespace {

// Calls visit(page) for each page whose entry was ever written: a file of states has holes.
template <typename Visit>
void ForEachWritten(int states, PageIndex page_count, Visit visit) {
  off_t begin = lseek(states, 0, SEEK_DATA);
  while (begin >= 0) {
    const off_t end = lseek(states, begin, SEEK_HOLE);
    const auto first = static_cast<PageIndex>(static_cast<uint64_t>(begin) / sizeof(PageEntry));
    const auto behind = static_cast<PageIndex>(static_cast<uint64_t>(end) / sizeof(PageEntry));
    for (PageIndex page = first; page < behind && page < page_count; page++) visit(page);
    begin = lseek(states, end, SEEK_DATA);
  }
}

bool IsChanged(PageState state) {
  return state == PageState::kDirtying || state == PageState::kDirty ||
         state == PageState::kWritingBack;
}

Status Duplicate(const UniqueFd& file, UniqueFd* copy) {
  copy->Reset(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  return copy->valid() ? Status::Ok() : SystemError(errno, "the files of shared pages");
}

// The pin of a server that is gone, until ReleaseInheritedPins.
void InheritPin(Region& region, PageIndex page) {
  MutexLock lock(region.mutex);
  region.pins[page] = 1;
  region.inherited_pins.push_back(page);
  region.pinned_pages.fetch_add(1);
  region.buffer->pinned_bytes.fetch_add(region.page_bytes);
}

void AdoptPage(Region& region, PageIndex page) {
  PageEntry& entry = region.table[page];
  const PageWord word = entry.Load();
  if (word.Has(kPinned)) InheritPin(region, page);
  // A number of another buffer's evictions, or a place in its books.
  entry.link.store(kNeverEvicted, std::memory_order_relaxed);
  if (word.state() == PageState::kClean || IsChanged(word.state())) {
    // A write-back that was under way may have failed; a page that was about to be written may
    // have been.
    const bool dirty = IsChanged(word.state());
    region.buffer->Adopt(region, page);
    if (dirty) region.NoteDirty(page);
    entry.MoveTo(dirty ? PageState::kDirty : PageState::kClean, kLasting);
    return;
  }
  // Half of its bytes may be there, and be mapped: the hole unmaps them everywhere. What was being
  // evicted equals the store.
  if (word.state() != PageState::kAbsent) region.pool->ReleaseMemory({page, 1});
  entry.MoveTo(PageState::kAbsent, kLasting);
}

}  // namespace

Status TakePages(const SharedPages& shared, Region& region) {
  Status status = Duplicate(shared.pages, &region.shared_pages);
  if (status.ok()) status = region.table.CreateIn(shared.states.get(), region.page_count);
  if (!status.ok()) return status;
  region.write_backs_held.store(shared.clients_follow);
  bool changed = false;
  ForEachWritten(shared.states.get(), region.page_count, [&](PageIndex page) {
    changed = changed || IsChanged(region.table[page].Load().state());
  });
  if (region.writable || !changed) return Status::Ok();
  return Status::Fail(EINVAL, "the shared pages hold changes that were not written back, and the "
                              "region is read-only");
}

void AdoptPages(Region& region, int states) {
  ForEachWritten(states, region.page_count, [&](PageIndex page) { AdoptPage(region, page); });
}

}  // namespace umap
