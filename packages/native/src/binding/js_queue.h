// The way from engine threads into one JavaScript environment: tasks that its thread runs in order.
// There is one queue, with one thread-safe function, for each environment; when the environment
// goes, tasks are dropped and nobody has to know.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>

#include "os/mutex.h"
#include "os/unique_fd.h"

namespace umap {

class JsQueue : public std::enable_shared_from_this<JsQueue> {
 public:
  // Runs on the JavaScript thread, in a handle scope. An exception that it leaves pending becomes
  // an uncaught one.
  using Task = std::function<void(Napi::Env)>;
  // Runs there when the tasks have been run that the event loop was woken for at `began_ns`, and
  // again for as long as it says that there may be more.
  using Idle = std::function<bool(Napi::Env, int64_t began_ns)>;

  // nullptr where the environment is going down already.
  static std::shared_ptr<JsQueue> Create(Napi::Env env);

  // Any thread. False: the environment is gone, the task was dropped.
  bool Post(Task task);
  // The same for tasks that may be lost: dropped too when too many of them wait.
  bool PostLossy(Task task);

  // JavaScript thread: between the two, the event loop stays alive.
  void Hold();
  void Unhold();

  // JavaScript thread: runs what waits, now.
  void Run(Napi::Env env);

  // JavaScript thread: runs one, now.
  static void RunTask(Napi::Env env, const Task& task);

  // JavaScript thread: what it does before it goes back to its event loop.
  void SetIdle(Idle idle) { idle_ = std::move(idle); }
  // JavaScript thread, from `idle`: waits without the event loop for tasks, for `look` to say true,
  // or for one of `fds` to be readable: awake until `spin_until_ns`, then asleep for `sleep_ns` at
  // most. False: the time is over.
  bool Await(int64_t spin_until_ns, int64_t sleep_ns, const std::function<bool()>& look,
             std::span<const int> fds);

  // JavaScript thread, from the environment's cleanup hook: drops what waits and what comes.
  void Close();

 private:
  struct Entry {
    Task task;
    bool lossy;
  };

  // Whether the thread waits in Await(), and how it is told of a task.
  enum class Waiting : uint8_t { kNot, kAwake, kAsleep };

  static void RunTasks(napi_env env, napi_value, void* context, void*);
  bool Push(Task task, bool lossy);
  bool SetWaiting(Waiting waiting);
  bool Sleep(int64_t sleep_ns, std::span<const int> fds);

  Mutex mutex_;
  std::deque<Entry> entries_ GUARDED_BY(mutex_);
  uint32_t lossy_waiting_ GUARDED_BY(mutex_) = 0;
  // The thread-safe function was called and has not begun to run the entries yet.
  bool woken_ GUARDED_BY(mutex_) = false;
  // nullptr once the environment is gone. Used under the mutex only, so that it is never called
  // after its release.
  napi_threadsafe_function function_ GUARDED_BY(mutex_) = nullptr;
  Waiting waiting_ GUARDED_BY(mutex_) = Waiting::kNot;
  // entries_ is not empty; for a look without the mutex.
  std::atomic<bool> has_entries_ = false;
  // Made by the first sleep, and never changed again.
  UniqueFd event_;

  // JavaScript thread only.
  Napi::Env env_ = nullptr;
  Idle idle_;
  uint32_t holds_ = 0;
};

}  // namespace umap
