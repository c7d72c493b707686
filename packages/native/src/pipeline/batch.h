// Counts pieces of work that belong together and remembers the first failure among them. The one
// who starts the work may wait; those who finish a piece never do.
#pragma once

#include <cstdint>
#include <utility>

#include "os/mutex.h"
#include "os/status.h"

namespace umap {

class Batch {
 public:
  void Add() {
    MutexLock lock(mutex_);
    pending_++;
  }
  void Done(Status status) {
    MutexLock lock(mutex_);
    pending_--;
    if (!status.ok() && first_failure_.ok()) first_failure_ = std::move(status);
    changed_.NotifyAll();
  }
  // Waits until at most `count` pieces are under way.
  void WaitUntilAtMost(uint32_t count) {
    MutexLock lock(mutex_);
    while (pending_ > count) changed_.Wait(mutex_);
  }
  // Waits for all of them; the first failure.
  Status Wait() {
    MutexLock lock(mutex_);
    while (pending_ > 0) changed_.Wait(mutex_);
    return first_failure_;
  }
  bool failed() {
    MutexLock lock(mutex_);
    return !first_failure_.ok();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint32_t pending_ GUARDED_BY(mutex_) = 0;
  Status first_failure_ GUARDED_BY(mutex_);
};

}  // namespace umap
