// See filler_watch.h.
#include "pipeline/filler_watch.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>

#include "os/check.h"
#include "os/clock.h"

namespace umap {
namespace {

// Faults are dense when there is less time than this between two of them, on average.
constexpr int64_t kDenseNs = 40'000;
constexpr int64_t kGapMaxNs = 1'000'000;
// A spinner looks at least as long for the next fault.
constexpr int64_t kSpinMinNs = 10'000;

// Exclusive: of those that wait in such an epoll, one is woken, and nobody who is at work. See
// EPOLLEXCLUSIVE in epoll_ctl(2).
UniqueFd ExclusiveEpoll(std::initializer_list<int> fds) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  CHECK(epoll);
  for (const int fd : fds) {
    // No userfaultfd: faults are signals then, and what they leave to fillers is posted.
    if (fd < 0) continue;
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    event.data.fd = fd;
    CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  }
  return epoll;
}

// Sleeps until there is one of its events. Where that is `addressed`, it is taken: it was meant for
// one sleeper.
void Sleep(const UniqueFd& epoll, const UniqueFd& addressed) {
  epoll_event event;
  if (epoll_wait(epoll.get(), &event, 1, -1) != 1 || event.data.fd != addressed.get()) return;
  uint64_t count;
  (void)!read(addressed.get(), &count, sizeof count);
}

void Signal(const UniqueFd& event) {
  const uint64_t one = 1;
  (void)!write(event.get(), &one, sizeof one);
}

}  // namespace

Status FillerWatch::Create(int uffd) {
  uffd_ = uffd;
  posted_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  call_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  hush_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  return posted_ && call_ && hush_ ? Status::Ok() : SystemError(errno, "eventfd");
}

void FillerWatch::Post() { Signal(posted_); }

bool FillerWatch::TakePosted() {
  uint64_t one;
  return read(posted_.get(), &one, sizeof one) == sizeof one;
}

FillerWatch::Place::Place(FillerWatch& watch)
    : watch_(watch),
      watching_(ExclusiveEpoll({watch.uffd_, watch.posted_.get(), watch.hush_.get()})),
      resting_(ExclusiveEpoll({watch.posted_.get(), watch.call_.get()})),
      gap_ns_(kGapMaxNs) {}

void FillerWatch::Place::NoteQuickFault() {
  const int64_t now = NowNs();
  const int64_t gap = std::min(now - last_fault_ns_, kGapMaxNs);
  gap_ns_ += (gap - gap_ns_) / 4;
  last_fault_ns_ = now;
}

bool FillerWatch::Place::ShouldSpin() {
  if (gap_ns_ > kDenseNs) return false;
  if (NowNs() - last_fault_ns_ >= std::max(2 * gap_ns_, kSpinMinNs)) return false;
  if (spins_) return true;
  if (watch_.has_spinner_.exchange(true)) return false;
  spins_ = true;
  for (uint32_t left = watch_.watchers_.load(); left > 0; left--) Signal(watch_.hush_);
  return true;
}

void FillerWatch::Place::StopSpinning() {
  if (spins_) watch_.has_spinner_.store(false);
  spins_ = false;
}

void FillerWatch::Place::AwaitWork() {
  if (ShouldSpin()) {
    // Whoever is to raise the next fault may need this processor.
    sched_yield();
    return;
  }
  StopSpinning();
  // A rester is counted before it looks for a spinner, which looks for resters after it has
  // stopped: one of the two sees the other.
  watch_.resters_.fetch_add(1);
  const bool rests = watch_.has_spinner_.load();
  if (rests) Sleep(resting_, watch_.call_);
  watch_.resters_.fetch_sub(1);
  if (rests) return;
  watch_.watchers_.fetch_add(1);
  Sleep(watching_, watch_.hush_);
  watch_.watchers_.fetch_sub(1);
}

void FillerWatch::Place::Leave() {
  gap_ns_ = kGapMaxNs;
  StopSpinning();
  if (watch_.resters_.load() == 0 || watch_.watchers_.load() > 0) return;
  Signal(watch_.call_);
}

}  // namespace umap
