// See futex.h. macOS: __ulock_wait and __ulock_wake, which the C++ library there waits with too.
// Compiled, but never run.
#include <algorithm>
#include <cerrno>

#include "os/futex.h"

extern "C" int __ulock_wait(uint32_t operation, void* address, uint64_t value, uint32_t timeout_us);
extern "C" int __ulock_wake(uint32_t operation, void* address, uint64_t value);

namespace umap {
namespace {

static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

constexpr uint32_t kCompareAndWait = 1;
constexpr uint32_t kWakeAll = 0x100;

void* AddressOf(const std::atomic<uint32_t>& word) {
  return const_cast<std::atomic<uint32_t>*>(&word);
}

// A timeout of 0 is none. Its failures are all answers to a caller who looks again.
void Wait(const std::atomic<uint32_t>& word, uint32_t expected, uint32_t timeout_us) {
  const int error_before = errno;
  __ulock_wait(kCompareAndWait, AddressOf(word), expected, timeout_us);
  errno = error_before;
}

}  // namespace

void FutexWait(const std::atomic<uint32_t>& word, uint32_t expected) { Wait(word, expected, 0); }

void FutexWaitFor(const std::atomic<uint32_t>& word, uint32_t expected,
                  std::chrono::nanoseconds time) {
  const int64_t us = (std::max<int64_t>(time.count(), 0) + 999) / 1000;
  Wait(word, expected, static_cast<uint32_t>(std::clamp<int64_t>(us, 1, UINT32_MAX)));
}

void FutexWake(const std::atomic<uint32_t>& word, uint32_t count) {
  const int error_before = errno;
  const bool all = count == INT32_MAX;
  for (uint32_t left = all ? 1 : count; left > 0; left--) {
    // ENOENT: nobody waits any more.
    const uint32_t operation = kCompareAndWait | (all ? kWakeAll : 0);
    if (__ulock_wake(operation, AddressOf(word), 0) != 0 && errno != EINTR) break;
  }
  errno = error_before;
}

}  // namespace umap
