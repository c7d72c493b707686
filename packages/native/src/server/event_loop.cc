// See event_loop.h.
#include "server/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "os/check.h"
#include "os/clock.h"
#include "os/futex.h"

namespace umap {
namespace {

constexpr int kEventsMax = 64;
constexpr int64_t kNsPerMs = 1'000'000;

int Control(int epoll, int operation, int fd, uint32_t events, uint64_t watch) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = watch;
  return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : errno;
}

}  // namespace

Status EventLoop::Start(const char* thread_name) {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return SystemError(errno, "epoll");
  posted_event_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!posted_event_) return SystemError(errno, "eventfd");
  const int error = Control(epoll_.get(), EPOLL_CTL_ADD, posted_event_.get(), EPOLLIN, 0);
  if (error != 0) return SystemError(error, "epoll");
  return Thread::Start(thread_name, [this] { Run(); }, &thread_);
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  Post([this] { stopping_ = true; });
  thread_.Join();
  watched_.clear();
  timers_.clear();
  timer_moments_.clear();
  MutexLock lock(mutex_);
  posted_.clear();
}

void EventLoop::Post(Task task) {
  MutexLock lock(mutex_);
  const bool is_first = posted_.empty();
  posted_.push_back(std::move(task));
  // Under the mutex: the loop may end, and be gone, when the task has run.
  const uint64_t one = 1;
  if (is_first) (void)!write(posted_event_.get(), &one, sizeof one);
}

void EventLoop::RunAndWait(const Task& task) {
  std::atomic<uint32_t> done{0};
  Post([&] {
    task();
    done.store(1);
    FutexWakeAll(done);
  });
  while (done.load() == 0) FutexWait(done, 0);
}

uint64_t EventLoop::Watch(int fd, uint32_t events, Handler handler) {
  const uint64_t watch = next_watch_++;
  if (Control(epoll_.get(), EPOLL_CTL_ADD, fd, events, watch) != 0) return 0;
  watched_.emplace(watch, Watched{fd, std::move(handler)});
  return watch;
}

void EventLoop::Change(uint64_t watch, uint32_t events) {
  const auto found = watched_.find(watch);
  CHECK(found != watched_.end());
  CHECK(Control(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, events, watch) == 0);
}

void EventLoop::Forget(uint64_t watch) {
  const auto found = watched_.find(watch);
  if (found == watched_.end()) return;
  CHECK(Control(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, 0, watch) == 0);
  watched_.erase(found);
}

uint64_t EventLoop::After(uint32_t delay_ms, Task task) {
  const uint64_t timer = next_timer_++;
  const int64_t moment_ns = NowNs() + delay_ms * kNsPerMs;
  timers_.emplace(std::pair(moment_ns, timer), std::move(task));
  timer_moments_.emplace(timer, moment_ns);
  return timer;
}

void EventLoop::CallOff(uint64_t timer) {
  const auto found = timer_moments_.find(timer);
  if (found == timer_moments_.end()) return;
  timers_.erase({found->second, timer});
  timer_moments_.erase(found);
}

void EventLoop::Run() {
  std::array<epoll_event, kEventsMax> events;
  while (!stopping_) {
    const int timeout_ms = RunDue();
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsMax, timeout_ms);
    for (int i = 0; i < count; i++) {
      const auto found = watched_.find(events[i].data.u64);
      if (found == watched_.end()) continue;  // posted work, or what a handler has forgotten
      // A copy: the handler may forget itself.
      const Handler handler = found->second.handler;
      handler(events[i].events);
    }
    RunPosted();
  }
}

void EventLoop::RunPosted() {
  uint64_t count;
  (void)!read(posted_event_.get(), &count, sizeof count);
  std::vector<Task> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(posted_);
  }
  for (const Task& task : tasks) task();
}

int EventLoop::RunDue() {
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    const auto [moment_ns, timer] = first->first;
    const int64_t left_ns = moment_ns - NowNs();
    if (left_ns > 0) {
      return static_cast<int>(std::min<int64_t>(left_ns / kNsPerMs + 1, 60'000));
    }
    const Task task = std::move(first->second);
    timers_.erase(first);
    timer_moments_.erase(timer);
    task();
  }
  return -1;
}

}  // namespace umap
