// See blocked_threads.h. On macOS only those in a handler are known, and not whose they are: all
// count as others. Compiled, but never run.
#include "pipeline/blocked_threads.h"

namespace umap {

BlockedThreads FindBlockedThreads(const WaitingTouches& touches) {
  BlockedThreads blocked;
  blocked.others = touches.Count();
  return blocked;
}

}  // namespace umap
