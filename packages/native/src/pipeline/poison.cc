// Poison: what a failed page is to those who touch it. Runs on whichever thread the failed fill
// ended. A thread must get an error there, never zeros, and must not wait for ever.
#include "os/check.h"
#include "pipeline/pager.h"

namespace umap {

void Pager::Poison(Region& region, PageIndex page) {
  if (uffd_.has_poison()) {
    CHECK(uffd_.Poison(region.AddressOf(page), region.page_bytes) == UffdOutcome::kDone);
    return;
  }
  // No poison markers before Linux 6.6. A mapping behind the end of a file raises the same errors;
  // it replaces the page in one step, and who waits for the page is sent to find it.
  region.memory.MapFile(uint64_t{page} * region.page_bytes, region.page_bytes, empty_file_.get());
  WakePage(region, page);
}

void Pager::Unpoison(Region& region, PageIndex first, PageIndex count) {
  const uint64_t offset = uint64_t{first} * region.page_bytes;
  const uint64_t bytes = count * region.page_bytes;
  if (uffd_.has_poison()) {
    region.memory.Release(offset, bytes);
    return;
  }
  // Not accessible until it is registered: a touch in between must not find fresh zeros.
  region.memory.MapInaccessible(offset, bytes);
  CHECK(uffd_.Register(region.AddressOf(first), bytes, RegisterModes(region)).ok());
  region.memory.MakeAccessible(offset, bytes);
}

uint64_t Pager::RegisterModes(const Region& region) {
  return UFFDIO_REGISTER_MODE_MISSING |
         (region.writable ? UFFDIO_REGISTER_MODE_WP : uint64_t{0});
}

}  // namespace umap
