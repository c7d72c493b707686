// Where the calls of JavaScript stores wait for the worker that runs them: the queue between engine
// threads, which submit, and one worker at a time, which takes and completes. Knows nothing of
// Node. When a worker goes away, what it had taken waits for the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "os/mutex.h"
#include "os/status.h"
#include "store/host_arena.h"
#include "store/store.h"

namespace umap {

class HostStore;

struct StoreHostOptions {
  uint64_t arena_bytes = 16 << 20;
  // How long calls wait for a worker when there is none.
  std::chrono::milliseconds grace{5000};
};

// A call as its worker sees it.
struct HostCall {
  uint64_t token = 0;
  uint64_t store_key = 0;
  StoreOp op = StoreOp::kRead;
  uint64_t offset = 0;
  uint64_t byte_length = 0;
  // Reads put their bytes here, writes find them here; 0 for the others.
  uint64_t arena_offset = 0;
};

enum class HostOutcome : uint8_t { kOk, kHole, kError };

struct HostCallStats {
  bool served = false;
  uint64_t pending = 0;
  uint64_t in_flight = 0;
  uint64_t oldest_age_ms = 0;
  uint64_t completed = 0;
  uint64_t failed = 0;
  uint64_t requeued = 0;
};

// A submitted call. Longer ones than their store takes are cut into parts; the last part to end
// ends the call.
struct HostJob {
  StoreCall* call = nullptr;
  HostStore* store = nullptr;
  std::chrono::steady_clock::time_point submitted;
  // The store's changes that had ended when it was submitted: those that a flush covers.
  uint64_t changes_before = 0;
  uint64_t parts = 0;
  uint64_t parts_left = 0;
  uint64_t holes = 0;
  Status status;
};

// A range of a call that fits into one call of the store.
struct HostPart {
  std::list<HostJob>::iterator job;
  // In the call, not in the store.
  uint64_t offset = 0;
  uint64_t byte_length = 0;
  uint64_t arena_offset = 0;
};

// Thread rule: any method on any thread, except where it says "worker". Lock order: mutex_ is a
// leaf; neither Done() nor `wake` is called under it.
class StoreHost {
 public:
  using Session = uint64_t;

  explicit StoreHost(const StoreHostOptions& options);
  // REQUIRES: Close() was called, or nothing was ever submitted.
  ~StoreHost();
  StoreHost(const StoreHost&) = delete;
  StoreHost& operator=(const StoreHost&) = delete;

  // Worker: begins to serve. `wake` is called, on any thread, when there is something to take; it
  // must not block, and may still be called for a moment after Detach. EBUSY: it is served already.
  Status Attach(HostArena::Kind kind, std::function<void()> wake, Session* session,
                std::shared_ptr<HostArena>* arena);
  // Worker: takes the next call, with the bytes of a write in the arena. False: nothing to do until
  // the next wake. On one or on several threads.
  bool TakeCall(Session session, HostCall* call);
  // Worker: answers a call. `status` counts for kError only. A token that is not in flight is
  // ignored: its worker was given up meanwhile.
  void Complete(uint64_t token, HostOutcome outcome, Status status);
  // Worker, or whoever knows that it cannot run any more: calls in flight go back to the queue.
  void Detach(Session session);

  // From now on calls without a worker wait forever instead of failing: the process ends, and who
  // waits for them must not be woken by an error that comes only from that.
  void KeepWaiting();
  // Fails everything that waits and that will be submitted. Not from within Done().
  void Close();

  HostCallStats Stats() const;

 private:
  friend class HostStore;
  using Clock = std::chrono::steady_clock;

  // A call whose last part has ended; Done() follows outside the mutex.
  struct Ended {
    StoreCall* call;
    StoreResult result;
  };
  using EndedList = std::vector<Ended>;
  using Wake = std::shared_ptr<const std::function<void()>>;

  void Submit(HostStore* store, StoreCall* call);
  bool OldestCall(const HostStore* store, PendingCall* pending) const;
  bool IsFlushed(const HostStore* store) const;
  void QueueParts(std::list<HostJob>::iterator job) REQUIRES(mutex_);
  bool NextPart(HostPart* part) REQUIRES(mutex_);
  void EndPart(const HostPart& part, HostOutcome outcome, const Status& status, EndedList* ended)
      REQUIRES(mutex_);
  void UpdateReady(HostStore* store) REQUIRES(mutex_);
  void Requeue(const HostPart& part) REQUIRES(mutex_);
  void FailWaiting(const Status& status, EndedList* ended) REQUIRES(mutex_);
  void FailInFlight(const Status& status, EndedList* ended) REQUIRES(mutex_);
  bool IsServed() const REQUIRES(mutex_) { return session_ != 0; }
  static bool MovesBytes(StoreOp op) { return op == StoreOp::kRead || op == StoreOp::kWrite; }
  static Status Closed();
  // How long waiting calls may still wait for a worker; zero or less: not at all.
  Clock::duration GraceLeft() const REQUIRES(mutex_);
  Status Died() const REQUIRES(mutex_);
  // What has to be called, outside the mutex, so that the worker looks again; may be empty.
  Wake TakeWake() REQUIRES(mutex_);
  void StartGraceThread() REQUIRES(mutex_);
  void WatchGrace();
  static void Finish(EndedList ended);

  const StoreHostOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;
  // In order of submission.
  std::list<HostJob> jobs_ GUARDED_BY(mutex_);
  // Stores with something that may be taken now, in turns.
  std::deque<HostStore*> ready_ GUARDED_BY(mutex_);
  // By token. A part that is being copied by the worker is in no container.
  std::unordered_map<uint64_t, HostPart> in_flight_ GUARDED_BY(mutex_);
  uint64_t last_token_ GUARDED_BY(mutex_) = 0;

  // 0: nobody serves.
  Session session_ GUARDED_BY(mutex_) = 0;
  Session last_session_ GUARDED_BY(mutex_) = 0;
  Wake wake_ GUARDED_BY(mutex_);
  // The worker was woken and has not yet seen the queue's end.
  bool woken_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<HostArena> arena_ GUARDED_BY(mutex_);

  Clock::time_point unserved_since_ GUARDED_BY(mutex_);
  bool keep_waiting_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  uint64_t completed_ GUARDED_BY(mutex_) = 0;
  uint64_t failed_ GUARDED_BY(mutex_) = 0;
  uint64_t requeued_ GUARDED_BY(mutex_) = 0;

  // Fails what waits when no worker comes in time. Started when it is first needed; ended and
  // joined by Close().
  std::thread grace_thread_ GUARDED_BY(mutex_);
};

}  // namespace umap
