// Waits for many descriptors and for moments in time, and calls who asked for them, on one thread.
// Handlers must not block. Post and RunAndWait may be called from other threads; what follows them
// belongs to the loop's own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "os/mutex.h"
#include "os/status.h"
#include "os/thread.h"
#include "os/unique_fd.h"

namespace umap {

class EventLoop {
 public:
  using Task = std::function<void()>;
  // `events`: of epoll_ctl(2).
  using Handler = std::function<void(uint32_t events)>;

  EventLoop() = default;
  ~EventLoop() { Stop(); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Status Start(const char* thread_name);
  // Runs what was posted before, ends the thread, and forgets everything. REQUIRES: another thread.
  void Stop();

  // Runs it on the loop's thread, in the order of the calls. Lost after Stop.
  void Post(Task task) EXCLUDES(mutex_);
  // REQUIRES: another thread, between Start and Stop.
  void RunAndWait(const Task& task);

  // Calls the handler for as long as there are such events. Returns a number, never 0, by which it
  // is changed and forgotten; 0: the kernel has no memory.
  uint64_t Watch(int fd, uint32_t events, Handler handler);
  void Change(uint64_t watch, uint32_t events);
  // The handler is not called again, even for events that were read already.
  void Forget(uint64_t watch);

  // Runs it once, `delay_ms` from now. Returns a number by which that is called off.
  uint64_t After(uint32_t delay_ms, Task task);
  // Of what has run already too.
  void CallOff(uint64_t timer);

 private:
  struct Watched {
    int fd;
    Handler handler;
  };

  void Run();
  void RunPosted() EXCLUDES(mutex_);
  // Milliseconds until the next moment; -1: there is none.
  int RunDue();

  UniqueFd epoll_;
  UniqueFd posted_event_;
  Thread thread_;
  bool stopping_ = false;
  uint64_t next_watch_ = 1;
  std::map<uint64_t, Watched> watched_;
  // By moment, and by number.
  std::map<std::pair<int64_t, uint64_t>, Task> timers_;
  std::map<uint64_t, int64_t> timer_moments_;
  uint64_t next_timer_ = 1;

  Mutex mutex_;
  std::vector<Task> posted_ GUARDED_BY(mutex_);
};

}  // namespace umap
