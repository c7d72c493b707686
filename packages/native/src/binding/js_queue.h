// The way from engine threads into one JavaScript environment: tasks that its thread runs in order.
// There is one queue, with one thread-safe function, for each environment; when the environment
// goes, tasks are dropped and nobody has to know.
#pragma once

#include <napi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "os/mutex.h"

namespace umap {

class JsQueue : public std::enable_shared_from_this<JsQueue> {
 public:
  // Runs on the JavaScript thread, in a handle scope. An exception that it leaves pending becomes
  // an uncaught one.
  using Task = std::function<void(Napi::Env)>;

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

  // JavaScript thread, from the environment's cleanup hook: drops what waits and what comes.
  void Close();

 private:
  struct Entry {
    Task task;
    bool lossy;
  };

  static void RunTasks(napi_env env, napi_value, void* context, void*);
  bool Push(Task task, bool lossy);

  Mutex mutex_;
  std::deque<Entry> entries_ GUARDED_BY(mutex_);
  uint32_t lossy_waiting_ GUARDED_BY(mutex_) = 0;
  // The thread-safe function was called and has not begun to run the entries yet.
  bool woken_ GUARDED_BY(mutex_) = false;
  // nullptr once the environment is gone. Used under the mutex only, so that it is never called
  // after its release.
  napi_threadsafe_function function_ GUARDED_BY(mutex_) = nullptr;

  // JavaScript thread only.
  Napi::Env env_ = nullptr;
  uint32_t holds_ = 0;
};

}  // namespace umap
