// Monotonic time in nanoseconds, cheap enough for the fault path (vDSO).
#pragma once

#include <time.h>

#include <cstdint>

namespace umap {

inline int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace umap
