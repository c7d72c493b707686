// Pin: a range that is resident and stays so. See engine.h.
#include <errno.h>

#include <string>

#include "engine/engine_state.h"
#include "engine/range_operations.h"
#include "engine/shared_region.h"
#include "os/signal_mask.h"

namespace umap {
namespace {

// Counts one pin more on each page; ENOMEM, and nothing is done, when that cannot be held.
Status CountPins(Region& region, PageRange range, PinLimit limit) {
  PageBuffer& buffer = *region.buffer;
  MutexLock lock(region.mutex);
  uint64_t fresh = 0;
  for (PageIndex page = range.first; page < range.end; page++) {
    fresh += region.pins.count(page) == 0;
  }
  const uint64_t bytes = fresh * region.page_bytes;
  const uint64_t pinned_before = buffer.pinned_bytes.fetch_add(bytes);
  if (limit == PinLimit::kKept && pinned_before + bytes > buffer.PinnableBytes()) {
    buffer.pinned_bytes.fetch_sub(bytes);
    return Status::Fail(ENOMEM, "the buffer can keep " + std::to_string(buffer.PinnableBytes()) +
                                    " bytes pinned, " + std::to_string(pinned_before) +
                                    " are pinned already");
  }
  if (!region.mapper->AddPins(1)) {
    buffer.pinned_bytes.fetch_sub(bytes);
    return Status::Fail(ENOMEM, "so many ranges are pinned that the limit of mappings "
                                "(vm.max_map_count) is near: pin fewer and longer ranges");
  }
  region.pinned_ranges++;
  region.pinned_pages.fetch_add(fresh);
  for (PageIndex page = range.first; page < range.end; page++) {
    if (region.pins[page]++ == 0) region.table[page].SetFlag(kPinned);
  }
  return Status::Ok();
}

void ForgetPinned(Region& region, PageIndex page) REQUIRES(region.mutex) {
  region.table[page].ClearFlag(kPinned);
  region.pinned_pages.fetch_sub(1);
  region.buffer->pinned_bytes.fetch_sub(region.page_bytes);
}

// Whether the page is present, and accessible for system calls that cannot fault: they may write,
// so in a writable region it is dirty from here on. A pinned page is not protected again.
bool AdmitSystemCalls(Pager& pager, Region& region, PageIndex page) {
  const bool faults = ServesSystemCalls(region.mapper->mode());
  for (;;) {
    switch (region.table[page].Load().state()) {
      case PageState::kDirtying:
      case PageState::kWritingBack:
        if (faults) return true;
        pager.WaitForProgress(region, page, [](PageWord word) { return !IsMoving(word); });
        break;
      case PageState::kClean:
      case PageState::kDirty:
        if (faults) return true;
        if (region.writable) {
          pager.HandleWriteProtectFault(region, page);
        } else {
          region.mapper->Restore(region, page);
        }
        return true;
      default:
        return false;
    }
  }
}

}  // namespace

Status PinRange(Pager& pager, Region& region, ByteRange range, PinLimit limit) {
  const PageRange pages = PagesOf(region, range);
  Status status = CountPins(region, pages, limit);
  if (!status.ok()) return status;
  // An eviction that had begun before may still take a page; then it is filled once more.
  for (bool resident = false; !resident;) {
    status = PrefaultPages(pager, region, {range});
    if (!status.ok()) {
      UnpinRange(region, range);
      return status;
    }
    resident = true;
    for (PageIndex page = pages.first; page < pages.end && resident; page++) {
      resident = AdmitSystemCalls(pager, region, page);
    }
  }
  return Status::Ok();
}

void UnpinRange(Region& region, ByteRange range) {
  const PageRange pages = PagesOf(region, range);
  MutexLock lock(region.mutex);
  for (PageIndex page = pages.first; page < pages.end; page++) {
    const auto found = region.pins.find(page);
    if (found == region.pins.end() || --found->second > 0) continue;
    region.pins.erase(found);
    ForgetPinned(region, page);
  }
  if (region.pinned_ranges == 0) return;
  region.pinned_ranges--;
  region.mapper->AddPins(-1);
}

void UnpinAll(Region& region) {
  MutexLock lock(region.mutex);
  for (const auto& [page, count] : region.pins) ForgetPinned(region, page);
  region.pins.clear();
  region.inherited_pins.clear();
  region.mapper->AddPins(-region.pinned_ranges);
  region.pinned_ranges = 0;
}

void ReleaseInheritedPins(const std::shared_ptr<Region>& region) {
  MutexLock lock(region->mutex);
  for (const PageIndex page : region->inherited_pins) {
    const auto found = region->pins.find(page);
    if (found == region->pins.end() || --found->second > 0) continue;
    region->pins.erase(found);
    ForgetPinned(*region, page);
  }
  region->inherited_pins.clear();
}

Status Pin(const std::shared_ptr<Region>& region, ByteRange range) {
  const SignalsBlocked blocked;
  return PinRange(EngineState::Get().pager(), *region, range, PinLimit::kKept);
}

void Unpin(const std::shared_ptr<Region>& region, ByteRange range) {
  const SignalsBlocked blocked;
  UnpinRange(*region, range);
}

}  // namespace umap
