// How much memory this process may still have: the machine's, and the limits of its cgroups.
#pragma once

#include <cstdint>

namespace umap {

struct MemoryInfo {
  uint64_t total_bytes = 0;
  // What can be had without swapping: MemAvailable, or what the cgroup leaves, if that is less.
  uint64_t available_bytes = 0;
};

// Zero where nothing can be read.
MemoryInfo ReadMemoryInfo();
// The same, whatever a test says. The .cc is the platform's.
MemoryInfo ReadSystemMemory();

// Replaces what ReadMemoryInfo says, for tests; null undoes it.
void SetMemoryInfoForTest(const MemoryInfo* info);

}  // namespace umap
