// Who waits for pages, for the watchdog's words about a store that hangs. The .cc is the
// platform's; the watchdog's thread.
#pragma once

#include <cstdint>

#include "pipeline/waiting_touches.h"

namespace umap {

// The threads of this process that are blocked in a fault that user space must answer.
struct BlockedThreads {
  bool main = false;
  uint32_t libuv_workers = 0;
  uint32_t libuv_workers_total = 0;
  uint32_t others = 0;
};

// `touches`: those that wait in a signal handler.
BlockedThreads FindBlockedThreads(const WaitingTouches& touches);

}  // namespace umap
