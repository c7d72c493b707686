// See region.h.
#include "page/region.h"

namespace umap {

uint64_t Region::NextNumber() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

void Region::EndEviction(PageIndex page, PageWord before) {
  if (before.Has(kWaiters)) mapper->Wake(*this, page);
  NoteProgress();
  in_flight.fetch_sub(1);
}

void Publish(Region& region, const RegionEvent& event) {
  MutexLock lock(region.mutex);
  for (const auto& [number, sink] : region.subscribers) sink(event);
}

}  // namespace umap
