// Pin: a range that is resident and stays so. See engine.h.
#include <errno.h>

#include <string>

#include "engine/engine_state.h"
#include "engine/range_operations.h"

namespace umap {
namespace {

// Counts one pin more on each page. False, and nothing is done, when the buffer could not hold it.
bool CountPins(Region& region, PageRange range) {
  PageBuffer& buffer = *region.buffer;
  MutexLock lock(region.mutex);
  uint64_t fresh = 0;
  for (PageIndex page = range.first; page < range.end; page++) {
    fresh += region.pins.count(page) == 0;
  }
  const uint64_t bytes = fresh * region.page_bytes;
  if (buffer.pinned_bytes.fetch_add(bytes) + bytes > buffer.PinnableBytes()) {
    buffer.pinned_bytes.fetch_sub(bytes);
    return false;
  }
  region.pinned_pages.fetch_add(fresh);
  for (PageIndex page = range.first; page < range.end; page++) {
    if (region.pins[page]++ == 0) region.table[page].SetFlag(kPinned);
  }
  return true;
}

void ForgetPinned(Region& region, PageIndex page) REQUIRES(region.mutex) {
  region.table[page].ClearFlag(kPinned);
  region.pinned_pages.fetch_sub(1);
  region.buffer->pinned_bytes.fetch_sub(region.page_bytes);
}

bool IsResident(const Region& region, PageIndex page) {
  switch (region.table[page].Load().state()) {
    case PageState::kClean:
    case PageState::kDirtying:
    case PageState::kDirty:
    case PageState::kWritingBack:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status Pin(const std::shared_ptr<Region>& region, ByteRange range) {
  Pager& pager = EngineState::Get().pager();
  const PageRange pages = PagesOf(*region, range);
  if (!CountPins(*region, pages)) {
    return Status::Fail(ENOMEM, "the buffer can keep " +
                                    std::to_string(region->buffer->PinnableBytes()) +
                                    " bytes pinned, " +
                                    std::to_string(region->buffer->pinned_bytes.load()) +
                                    " are pinned already");
  }
  // An eviction that had begun before may still take a page; then it is filled once more.
  for (;;) {
    const Status status = PrefaultPages(pager, *region, {range});
    if (!status.ok()) {
      Unpin(region, range);
      return status;
    }
    bool resident = true;
    for (PageIndex page = pages.first; page < pages.end && resident; page++) {
      resident = IsResident(*region, page);
    }
    if (resident) return Status::Ok();
  }
}

void Unpin(const std::shared_ptr<Region>& region, ByteRange range) {
  const PageRange pages = PagesOf(*region, range);
  MutexLock lock(region->mutex);
  for (PageIndex page = pages.first; page < pages.end; page++) {
    const auto found = region->pins.find(page);
    if (found == region->pins.end() || --found->second > 0) continue;
    region->pins.erase(found);
    ForgetPinned(*region, page);
  }
}

void UnpinAll(Region& region) {
  MutexLock lock(region.mutex);
  for (const auto& [page, count] : region.pins) ForgetPinned(region, page);
  region.pins.clear();
}

}  // namespace umap
