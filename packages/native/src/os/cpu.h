// Which processor this thread runs on: picks one of several copies of something that is written
// often, so that threads on different processors share no cache line. Any thread, signal handlers
// too, and cheap: a word that the kernel keeps up to date (rseq), or the vDSO.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstdint>

namespace umap {

// A hint only: the thread may be on another one when this returns.
inline uint32_t CurrentCpu() {
#if defined(__APPLE__)
  size_t cpu = 0;
  return pthread_cpu_number_np(&cpu) == 0 ? static_cast<uint32_t>(cpu) : 0;
#else
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : static_cast<uint32_t>(cpu);
#endif
}

}  // namespace umap
