// See js_queue.h. The thread-safe function carries no data: it only makes the thread look at the
// queue, so that nothing is left behind in it when it is aborted.
#include "binding/js_queue.h"

#include <utility>

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
  if (!woken_) {
    // It cannot be full, and it is not closed while function_ is set. Out of memory: the next
    // task tries again.
    woken_ = napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
  return true;
}

void JsQueue::RunTasks(napi_env env, napi_value, void* context, void*) {
  // Without an environment this is the end of the function, not a call.
  if (env == nullptr) return;
  static_cast<JsQueue*>(context)->Run(env);
}

void JsQueue::Run(Napi::Env env) {
  std::deque<Entry> entries;
  {
    MutexLock lock(mutex_);
    woken_ = false;
    entries.swap(entries_);
    lossy_waiting_ = 0;
  }
  for (Entry& entry : entries) {
    const Napi::HandleScope scope(env);
    entry.task(env);
    napi_value exception = nullptr;
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
      napi_fatal_exception(env, exception);
    }
  }
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
