// Threads for operations that wait: flush, evict, discard, prefault, close. A job gets a thread at
// once, so that one that hangs in a store holds up no other. Threads without a job are kept for a
// second, or until the engine stops.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "os/mutex.h"
#include "os/status.h"

namespace umap {

class JobRunner {
 public:
  // An error: no thread can be had, and the job will not run.
  Status Run(std::function<void()> job);
  // Idle threads end now, busy ones after their job. May be called from a job.
  void Stop();

 private:
  // `generation`: the one in which the thread was asked for.
  void RunThread(uint64_t generation);

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
  uint32_t idle_ GUARDED_BY(mutex_) = 0;
  // Threads that were started before the last Stop end when they are idle.
  uint64_t generation_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
