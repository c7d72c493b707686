// What happens where a mutex is not free, and the waits for a condition. Any thread.
#include "os/mutex.h"

#include <algorithm>

namespace umap {
namespace {

// A critical section of the engine lasts a microsecond or less, a sleep costs several. Rounds
// beyond this are not worth it: the holder has lost its processor.
constexpr int32_t kSpinsMax = 100;

inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Mutex::LockSlowly() {
  // 1. Spin for about as long as that helped before, while nobody else waits.
  const int32_t usual = spins_.load(std::memory_order_relaxed);
  const int32_t spins_max = std::min(kSpinsMax, 2 * usual + 10);
  int32_t spins = 0;
  uint32_t state = state_.load(std::memory_order_relaxed);
  while (spins < spins_max && state != kContended) {
    if (state == kFree && state_.compare_exchange_weak(state, kLocked, std::memory_order_acquire,
                                                       std::memory_order_relaxed)) {
      spins_.store(usual + (spins - usual) / 8, std::memory_order_relaxed);
      return;
    }
    Pause();
    spins++;
    state = state_.load(std::memory_order_relaxed);
  }
  // In vain: less the next time.
  spins_.store(usual - usual / 8, std::memory_order_relaxed);
  // 2. Sleep. Who was woken cannot know whether it was the last, so it locks as contended.
  while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
    FutexWait(state_, kContended);
  }
}

void CondVar::Wait(Mutex& mutex) {
  waiters_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t seen = sequence_.load(std::memory_order_relaxed);
  mutex.unlock();
  FutexWait(sequence_, seen);
  mutex.lock();
  waiters_.fetch_sub(1, std::memory_order_relaxed);
}

void CondVar::WaitFor(Mutex& mutex, std::chrono::nanoseconds time) {
  waiters_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t seen = sequence_.load(std::memory_order_relaxed);
  mutex.unlock();
  FutexWaitFor(sequence_, seen, time);
  mutex.lock();
  waiters_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace umap
