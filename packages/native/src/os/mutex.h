// A mutex, its scoped lock and a condition variable that clang's thread-safety analysis
// understands; with other compilers the annotations vanish. Built on futexes, so that a signal
// handler may use them, where the code that it interrupted holds none of them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "os/futex.h"

#if defined(__clang__)
#define UMAP_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define UMAP_THREAD_ANNOTATION(x)
#endif

#define CAPABILITY(x) UMAP_THREAD_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY UMAP_THREAD_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) UMAP_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) UMAP_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) UMAP_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) UMAP_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) UMAP_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

namespace umap {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() {
    uint32_t free = kFree;
    if (!state_.compare_exchange_strong(free, kLocked, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      LockSlowly();
    }
  }
  void unlock() RELEASE() {
    // The mutex may be gone once it is free: FutexWake only takes its address.
    if (state_.exchange(kFree, std::memory_order_release) == kContended) FutexWake(state_, 1);
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kLocked = 1;
  // Locked, and somebody may be waiting.
  static constexpr uint32_t kContended = 2;

  void LockSlowly();

  std::atomic<uint32_t> state_{kFree};
  // How long spinning for this mutex took lately, in rounds.
  std::atomic<int32_t> spins_{0};
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Notify while the mutex is held; then a notification never goes to one who began to wait later.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  // Both may also return for no reason.
  void Wait(Mutex& mutex) REQUIRES(mutex);
  void WaitFor(Mutex& mutex, std::chrono::nanoseconds time) REQUIRES(mutex);
  void NotifyOne() { Notify(1); }
  void NotifyAll() { Notify(INT32_MAX); }

 private:
  void Notify(uint32_t count) {
    // Who must be told counted itself before it gave up the mutex, under which the caller has
    // changed what it waits for.
    if (waiters_.load(std::memory_order_relaxed) == 0) return;
    sequence_.fetch_add(1, std::memory_order_relaxed);
    FutexWake(sequence_, count);
  }

  // Counts notifications: who is not asleep yet sees that one came.
  std::atomic<uint32_t> sequence_{0};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace umap
