// Stops for tests that force an interleaving: a thread is held at a named point of the pipeline, an
// application thread runs aside and may be blocked in a fault, and a test waits for what it can
// see.
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "engine/engine.h"
#include "os/check.h"
#include "os/clock.h"
#include "page/region.h"
#include "test/ways.h"

namespace umap::test {

// Far beyond what any machine needs: a test that waits in vain ends with a message, not a hang.
constexpr int64_t kPatienceNs = 60'000'000'000;

// Waits until the condition holds; aborts when it never does.
template <typename Condition>
void AwaitThat(const char* what, Condition condition) {
  const int64_t deadline = NowNs() + kPatienceNs;
  while (!condition()) {
    // To standard output: a test may have captured standard error.
    if (NowNs() > deadline) std::printf("waited in vain until %s\n", what), std::fflush(stdout);
    CHECK(NowNs() <= deadline);
    usleep(200);
  }
}

// Holds the first thread that reaches a test point, until Open or the end of the scope. Those that
// come later pass.
class Stop {
 public:
  explicit Stop(const char* point) : point_(point), state_(std::make_shared<State>()) {
    SetTestPoint(point_, [state = state_] {
      std::unique_lock lock(state->mutex);
      if (state->arrived) return;
      state->arrived = true;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->open; });
    });
  }
  ~Stop() {
    Open();
    SetTestPoint(point_, {});
  }
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  void AwaitArrival() {
    std::unique_lock lock(state_->mutex);
    const bool arrived = state_->changed.wait_for(lock, std::chrono::nanoseconds(kPatienceNs),
                                                  [&] { return state_->arrived; });
    if (!arrived) std::fprintf(stderr, "nobody came to %s\n", point_.c_str());
    CHECK(arrived);
  }
  void Open() {
    const std::lock_guard lock(state_->mutex);
    state_->open = true;
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool arrived = false;
    bool open = false;
  };

  const std::string point_;
  const std::shared_ptr<State> state_;
};

// A thread of the application's, which may be blocked in a fault.
class Aside {
 public:
  explicit Aside(std::function<void()> body)
      : state_(std::make_shared<State>()), thread_([body = std::move(body), state = state_] {
          state->id = static_cast<pid_t>(syscall(SYS_gettid));
          body();
          state->done = true;
        }) {}
  ~Aside() {
    if (thread_.joinable()) Join();
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  bool done() const { return state_->done; }
  void AwaitDone(const char* what) {
    AwaitThat(what, [&] { return done(); });
  }
  void Join() { thread_.join(); }
  // Waits until the kernel has put the thread to sleep, for whatever.
  void AwaitSleep() {
    AwaitThat("a thread sleeps in the kernel", [&] {
      if (state_->id == 0) return false;
      std::ifstream file("/proc/self/task/" + std::to_string(state_->id) + "/stat");
      std::string line;
      std::getline(file, line);
      const size_t end = line.rfind(") ");
      return end != std::string::npos && (line[end + 2] == 'S' || line[end + 2] == 'D');
    });
  }
  // Waits until the thread sleeps in a fault: in the kernel's, or in the handler of a signal.
  void AwaitFault() {
    AwaitThat("a thread is blocked in a fault", [&] {
      if (state_->id == 0) return false;
      std::ifstream file("/proc/self/task/" + std::to_string(state_->id) + "/wchan");
      std::string where;
      std::getline(file, where);
      return ReadsMessages() ? where == "handle_userfault" : where.starts_with("futex");
    });
  }

 private:
  struct State {
    std::atomic<pid_t> id{0};
    std::atomic<bool> done{false};
  };

  const std::shared_ptr<State> state_;
  std::thread thread_;
};

inline PageWord WordOf(const std::shared_ptr<Region>& region, PageIndex page) {
  return region->table[page].Load();
}

inline void AwaitState(const std::shared_ptr<Region>& region, PageIndex page, PageState state) {
  AwaitThat("a page is in the state that the test needs",
            [&] { return WordOf(region, page).state() == state; });
}

inline void AwaitFlag(const std::shared_ptr<Region>& region, PageIndex page, uint32_t flag) {
  AwaitThat("a page has the flag that the test needs",
            [&] { return WordOf(region, page).Has(flag); });
}

}  // namespace umap::test
