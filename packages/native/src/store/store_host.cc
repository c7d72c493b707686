// The queue of a store host: what the engine's threads and the supervisor do with it. Calls end
// outside the mutex, because they go on into the engine.
#include "os/signal_mask.h"
#include "store/store_host.h"

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "os/check.h"
#include "store/host_store.h"

namespace umap {

namespace {

constexpr uint64_t kArenaBytesMin = 4096;

}  // namespace

StoreHost::StoreHost(const StoreHostOptions& options)
    : options_{std::max(options.arena_bytes, kArenaBytesMin), options.grace},
      unserved_since_(Clock::now()) {}

StoreHost::~StoreHost() {
  CHECK(jobs_.empty());
  CHECK(!grace_thread_.joinable());
}

// Engine side -------------------------------------------------------------------------------------

void StoreHost::Submit(HostStore* store, StoreCall* call) {
  if (call->op == StoreOp::kFlush && IsFlushed(store)) return call->Done({});
  EndedList ended;
  Wake wake;
  {
    MutexLock lock(mutex_);
    jobs_.push_back({call, store, Clock::now(), store->changes_, 0, 0, 0, {}});
    QueueParts(std::prev(jobs_.end()));
    if (closed_) {
      FailWaiting(Closed(), &ended);
    } else if (!IsServed()) {
      if (GraceLeft() <= Clock::duration::zero()) {
        FailWaiting(Died(), &ended);
      } else {
        StartGraceThread();
        changed_.NotifyAll();
      }
    }
    wake = TakeWake();
  }
  if (wake) (*wake)();
  // The store, and with it this host, may be gone when this returns.
  Finish(std::move(ended));
}

bool StoreHost::OldestCall(const HostStore* store, PendingCall* pending) const {
  MutexLock lock(mutex_);
  for (const HostJob& job : jobs_) {
    if (job.store != store) continue;
    const auto started = job.submitted.time_since_epoch();
    *pending = {job.call->op, job.call->offset, job.call->byte_length,
                std::chrono::duration_cast<std::chrono::nanoseconds>(started).count()};
    return true;
  }
  return false;
}

// Whether there is nothing to make durable. Then no worker has to be there: a region's memory may
// outlive the work of its store. A flush that is under way says nothing yet.
bool StoreHost::IsFlushed(const HostStore* store) const {
  MutexLock lock(mutex_);
  return store->flushed_changes_ == store->changes_;
}

// Cuts a call into parts that fit its store and an empty arena.
void StoreHost::QueueParts(std::list<HostJob>::iterator job) {
  HostStore* const store = job->store;
  const uint64_t byte_length = job->call->op == StoreOp::kFlush ? 0 : job->call->byte_length;
  const uint64_t part_bytes_max =
      MovesBytes(job->call->op) ? std::min(store->traits_.call_bytes_max, options_.arena_bytes)
                                : std::max<uint64_t>(byte_length, 1);
  uint64_t offset = 0;
  do {
    const uint64_t part_bytes = std::min(part_bytes_max, byte_length - offset);
    store->waiting_.push_back({job, offset, part_bytes, 0});
    job->parts += 1;
    offset += part_bytes;
  } while (offset < byte_length);
  job->parts_left = job->parts;
  UpdateReady(store);
}

// Queue -------------------------------------------------------------------------------------------

void StoreHost::UpdateReady(HostStore* store) {
  const bool ready =
      !store->waiting_.empty() && store->in_flight_ < store->traits_.concurrency_max;
  if (ready == store->ready_) return;
  store->ready_ = ready;
  if (ready) {
    ready_.push_back(store);
  } else {
    std::erase(ready_, store);
  }
}

// Takes the first part of the store whose turn it is. False: nothing waits, or the arena is full,
// in which case nobody overtakes, so that a large call is not starved by small ones.
bool StoreHost::NextPart(HostPart* part) {
  if (ready_.empty()) return false;
  HostStore* const store = ready_.front();
  *part = store->waiting_.front();
  if (MovesBytes(part->job->call->op)) {
    const auto offset = arena_->Allocate(part->byte_length);
    if (!offset) return false;
    part->arena_offset = *offset;
  }
  store->waiting_.pop_front();
  store->in_flight_ += 1;
  ready_.pop_front();
  store->ready_ = false;
  UpdateReady(store);
  return true;
}

void StoreHost::EndPart(const HostPart& part, HostOutcome outcome, const Status& status,
                        EndedList* ended) {
  HostJob& job = *part.job;
  if (outcome == HostOutcome::kHole) job.holes += 1;
  if (outcome == HostOutcome::kError && job.status.ok()) job.status = status;
  if (--job.parts_left > 0) return;
  // A write that failed may have changed something too.
  const StoreOp op = job.call->op;
  HostStore& store = *job.store;
  if (op == StoreOp::kWrite || op == StoreOp::kDiscard) store.changes_ += 1;
  if (op == StoreOp::kFlush && job.status.ok()) {
    store.flushed_changes_ = std::max(store.flushed_changes_, job.changes_before);
  }
  (job.status.ok() ? completed_ : failed_) += 1;
  const bool hole = job.status.ok() && job.holes == job.parts;
  ended->push_back({job.call, {std::move(job.status), hole}});
  jobs_.erase(part.job);
}

void StoreHost::FailWaiting(const Status& status, EndedList* ended) {
  std::unordered_set<HostStore*> stores;
  for (const HostJob& job : jobs_) stores.insert(job.store);
  for (HostStore* store : stores) {
    Status named = status;
    named.message += " (" + store->label_ + ")";
    for (const HostPart& part : std::exchange(store->waiting_, {})) {
      EndPart(part, HostOutcome::kError, named, ended);
    }
    UpdateReady(store);
  }
}

// The arena's parts stay taken: the worker may still be writing to them.
void StoreHost::FailInFlight(const Status& status, EndedList* ended) {
  for (const auto& [token, part] : std::exchange(in_flight_, {})) {
    HostStore* const store = part.job->store;
    store->in_flight_ -= 1;
    UpdateReady(store);
    EndPart(part, HostOutcome::kError, status, ended);
  }
}

StoreHost::Wake StoreHost::TakeWake() {
  if (closed_ || !IsServed() || woken_ || ready_.empty()) return nullptr;
  woken_ = true;
  return wake_;
}

void StoreHost::Finish(EndedList ended) {
  if (ended.empty()) return;
  // The engine maps the pages on this thread, which is JavaScript's.
  const SignalsBlocked blocked;
  for (Ended& one : ended) one.call->Done(std::move(one.result));
}

// Supervisor side ---------------------------------------------------------------------------------

void StoreHost::KeepWaiting() {
  MutexLock lock(mutex_);
  keep_waiting_ = true;
}

void StoreHost::Close() {
  EndedList ended;
  std::thread grace_thread;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    FailWaiting(Closed(), &ended);
    FailInFlight(Closed(), &ended);
    grace_thread.swap(grace_thread_);
    changed_.NotifyAll();
  }
  Finish(std::move(ended));
  if (grace_thread.joinable()) grace_thread.join();
}

HostCallStats StoreHost::Stats() const {
  MutexLock lock(mutex_);
  HostCallStats stats;
  stats.served = IsServed();
  stats.pending = jobs_.size();
  stats.in_flight = in_flight_.size();
  if (!jobs_.empty()) {
    const auto age = Clock::now() - jobs_.front().submitted;
    stats.oldest_age_ms = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(age).count());
  }
  stats.completed = completed_;
  stats.failed = failed_;
  stats.requeued = requeued_;
  return stats;
}

// Grace -------------------------------------------------------------------------------------------

StoreHost::Clock::duration StoreHost::GraceLeft() const {
  if (keep_waiting_) return std::chrono::hours(1);
  return unserved_since_ + options_.grace - Clock::now();
}

Status StoreHost::Closed() { return Status::Fail(ECONNRESET, "store host is closed"); }

Status StoreHost::Died() const {
  const std::string what = last_session_ == 0 ? "store host did not start"
                                              : "store host died and no other took its place";
  return Status::Retry(ECONNRESET,
                       what + " within " + std::to_string(options_.grace.count()) + " ms");
}

void StoreHost::StartGraceThread() {
  if (closed_ || grace_thread_.joinable()) return;
  grace_thread_ = std::thread([this] { WatchGrace(); });
}

void StoreHost::WatchGrace() {
  MutexLock lock(mutex_);
  while (!closed_) {
    if (IsServed() || jobs_.empty()) {
      changed_.Wait(mutex_);
      continue;
    }
    const Clock::duration left = GraceLeft();
    if (left > Clock::duration::zero()) {
      changed_.WaitFor(mutex_, left);
      continue;
    }
    EndedList ended;
    FailWaiting(Died(), &ended);
    mutex_.unlock();
    Finish(std::move(ended));
    mutex_.lock();
    // Not in a tight circle while a worker is still copying a part that it took.
    if (!jobs_.empty()) changed_.WaitFor(mutex_, std::chrono::milliseconds(1));
  }
}

}  // namespace umap
