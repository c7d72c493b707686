// See region.h.
#include "page/region.h"

namespace umap {

void Publish(Region& region, const RegionEvent& event) {
  MutexLock lock(region.mutex);
  for (const auto& [number, sink] : region.subscribers) sink(event);
}

}  // namespace umap
