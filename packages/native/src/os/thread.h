// A thread of the engine: named, deaf to signals, which are the application's, and a status instead
// of the end of the process where the system has no thread to give.
#pragma once

#include <pthread.h>

#include <functional>

#include "os/status.h"

namespace umap {

class Thread {
 public:
  // `name`: at most 15 characters.
  static Status Start(const char* name, std::function<void()> function, Thread* thread);
  // One that nobody joins.
  static Status StartDetached(const char* name, std::function<void()> function);

  Thread() = default;
  // REQUIRES: not joinable.
  ~Thread();
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  bool joinable() const { return joinable_; }
  void Join();

 private:
  pthread_t id_ = {};
  bool joinable_ = false;
};

}  // namespace umap
