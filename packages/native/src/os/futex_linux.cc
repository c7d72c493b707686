// futex(2) of Linux, between the threads of one process.
#include "os/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace umap {
namespace {

static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

// Its failures are all answers to a caller who looks again: the word is another by now (EAGAIN), a
// signal came (EINTR), the time is over (ETIMEDOUT), the word is gone (EFAULT).
void Futex(const std::atomic<uint32_t>& word, int operation, uint32_t value, const timespec* time) {
  const int error_before = errno;
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, time, nullptr, 0);
  errno = error_before;
}

}  // namespace

void FutexWait(const std::atomic<uint32_t>& word, uint32_t expected) {
  Futex(word, FUTEX_WAIT, expected, nullptr);
}

void FutexWaitFor(const std::atomic<uint32_t>& word, uint32_t expected,
                  std::chrono::nanoseconds time) {
  constexpr int64_t kSecondNs = 1'000'000'000;
  const int64_t ns = std::max<int64_t>(time.count(), 0);
  const timespec relative = {ns / kSecondNs, ns % kSecondNs};
  Futex(word, FUTEX_WAIT, expected, &relative);
}

void FutexWake(const std::atomic<uint32_t>& word, uint32_t count) {
  Futex(word, FUTEX_WAKE, count, nullptr);
}

}  // namespace umap
