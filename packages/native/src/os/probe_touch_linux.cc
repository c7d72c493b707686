// The touching side of the probe's round trip.
#include "os/probe_touch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace umap {

TouchThread::TouchThread(Access access, uint8_t* address)
    : access_(access), address_(address), done_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!done_.valid()) {
    start_error_ = errno;
    return;
  }
  // The new thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  start_error_ = pthread_create(&thread_, nullptr, &TouchThread::Run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void TouchThread::Join() {
  if (start_error_ == 0 && !joined_) pthread_join(thread_, nullptr);
  joined_ = true;
}

bool TouchThread::AwaitDone(std::chrono::steady_clock::time_point end) const {
  pollfd done = {done_fd(), POLLIN, 0};
  for (;;) {
    const int ready = poll(&done, 1, RemainingMs(end));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

void* TouchThread::Run(void* self) {
  static_cast<TouchThread*>(self)->Touch();
  return nullptr;
}

void TouchThread::Touch() {
  thread_id_ = static_cast<uint32_t>(syscall(SYS_gettid));
  volatile uint8_t* byte = address_;
  switch (access_) {
    case Access::kWriteAndReadBack:
      *byte = kWrittenByte;
      byte_ = *byte;
      break;
    case Access::kRead:
      byte_ = *byte;
      break;
    case Access::kSystemCall: {
      const UniqueFd counter(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (write(counter.get(), address_, sizeof(uint64_t)) < 0) error_ = errno;
      break;
    }
  }
  const uint64_t one = 1;
  // Cannot fail: this is the only write to the counter.
  [[maybe_unused]] const ssize_t written = write(done_.get(), &one, sizeof one);
}

int RemainingMs(std::chrono::steady_clock::time_point end) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

}  // namespace umap
