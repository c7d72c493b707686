// See js_queue.h. The thread-safe function carries no data: it only makes the thread look at the
// queue, so that nothing is left behind in it when it is aborted.
#include "binding/js_queue.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <utility>
#include <vector>

#include "os/clock.h"

namespace umap {

namespace {

// Events of a region, waiting for a thread that is busy or blocked.
constexpr uint32_t kLossyWaitingMax = 1000;

void DropQueue(napi_env, void* data, void*) { delete static_cast<std::shared_ptr<JsQueue>*>(data); }

}  // namespace

std::shared_ptr<JsQueue> JsQueue::Create(Napi::Env env) {
  auto queue = std::make_shared<JsQueue>();
  queue->env_ = env;
  // The thread-safe function keeps the queue until it is finalized itself.
  auto* const kept = new std::shared_ptr<JsQueue>(queue);
  MutexLock lock(queue->mutex_);
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "umap"), 0, 1, kept, DropQueue, queue.get(),
      RunTasks, &queue->function_);
  if (status != napi_ok) {
    queue->function_ = nullptr;
    delete kept;
    return nullptr;
  }
  napi_unref_threadsafe_function(env, queue->function_);
  return queue;
}

bool JsQueue::Post(Task task) { return Push(std::move(task), false); }

bool JsQueue::PostLossy(Task task) { return Push(std::move(task), true); }

bool JsQueue::Push(Task task, bool lossy) {
  MutexLock lock(mutex_);
  if (function_ == nullptr) return false;
  if (lossy && lossy_waiting_ >= kLossyWaitingMax) return false;
  entries_.push_back({std::move(task), lossy});
  if (lossy) lossy_waiting_ += 1;
  has_entries_.store(true, std::memory_order_release);
  if (waiting_ != Waiting::kNot) {
    if (waiting_ == Waiting::kAsleep) eventfd_write(event_.get(), 1);
  } else if (!woken_) {
    // It cannot be full, and it is not closed while function_ is set. Out of memory: the next
    // task tries again.
    woken_ = napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
  return true;
}

void JsQueue::RunTasks(napi_env env, napi_value, void* context, void*) {
  // Without an environment this is the end of the function, not a call.
  if (env == nullptr) return;
  JsQueue* const queue = static_cast<JsQueue*>(context);
  const int64_t began_ns = NowNs();
  queue->Run(env);
  while (queue->idle_ && queue->idle_(env, began_ns)) queue->Run(env);
}

void JsQueue::Run(Napi::Env env) {
  std::deque<Entry> entries;
  {
    MutexLock lock(mutex_);
    woken_ = false;
    has_entries_.store(false, std::memory_order_relaxed);
    entries.swap(entries_);
    lossy_waiting_ = 0;
  }
  for (const Entry& entry : entries) RunTask(env, entry.task);
}

void JsQueue::RunTask(Napi::Env env, const Task& task) {
  const Napi::HandleScope scope(env);
  task(env);
  napi_value exception = nullptr;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
    napi_fatal_exception(env, exception);
  }
}

bool JsQueue::Await(int64_t spin_until_ns, int64_t sleep_ns, const std::function<bool()>& look,
                    std::span<const int> fds) {
  if (!SetWaiting(Waiting::kAwake)) return true;
  bool found = has_entries_.load(std::memory_order_acquire) || look();
  while (!found && NowNs() < spin_until_ns) {
    // Whoever shall make the next call may want this very processor.
    sched_yield();
    found = has_entries_.load(std::memory_order_acquire) || look();
  }
  if (!found && sleep_ns > 0) found = Sleep(sleep_ns, fds);
  return !SetWaiting(Waiting::kNot) || found;
}

// False: a task waits already.
bool JsQueue::SetWaiting(Waiting waiting) {
  MutexLock lock(mutex_);
  waiting_ = entries_.empty() ? waiting : Waiting::kNot;
  return entries_.empty();
}

bool JsQueue::Sleep(int64_t sleep_ns, std::span<const int> fds) {
  if (!event_) event_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) return false;
  if (!SetWaiting(Waiting::kAsleep)) return true;
  std::vector<pollfd> polled = {{event_.get(), POLLIN, 0}};
  for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
  const timespec limit = {sleep_ns / 1'000'000'000, sleep_ns % 1'000'000'000};
  const int count = ppoll(polled.data(), polled.size(), &limit, nullptr);
  if (count > 0 && polled[0].revents != 0) {
    eventfd_t events;
    eventfd_read(event_.get(), &events);
  }
  return count > 0;
}

void JsQueue::Hold() {
  MutexLock lock(mutex_);
  if (holds_++ == 0 && function_ != nullptr) napi_ref_threadsafe_function(env_, function_);
}

void JsQueue::Unhold() {
  MutexLock lock(mutex_);
  if (--holds_ == 0 && function_ != nullptr) napi_unref_threadsafe_function(env_, function_);
}

void JsQueue::Close() {
  std::deque<Entry> dropped;
  napi_threadsafe_function function = nullptr;
  {
    MutexLock lock(mutex_);
    function = std::exchange(function_, nullptr);
    dropped.swap(entries_);
  }
  if (function != nullptr) napi_release_threadsafe_function(function, napi_tsfn_abort);
}

}  // namespace umap
