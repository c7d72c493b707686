// A mutex, its scoped lock and a condition variable that clang's thread-safety analysis
// understands; with other compilers the annotations vanish.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

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
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
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

class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void WaitFor(Mutex& mutex, std::chrono::nanoseconds time) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(lock, time);
    lock.release();
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace umap
