// The queue of a store host: what its worker does with it. Bytes are copied by the worker's thread
// and outside the mutex.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "store/host_store.h"
#include "store/iovec_copy.h"
#include "store/store_host.h"

namespace umap {

Status StoreHost::Attach(HostArena::Kind kind, std::function<void()> wake, Session* session,
                         std::shared_ptr<HostArena>* arena) {
  std::shared_ptr<HostArena> fresh;
  const Status status = HostArena::Create(kind, options_.arena_bytes, &fresh);
  if (!status.ok()) return status;
  Wake first;
  {
    MutexLock lock(mutex_);
    if (closed_) return Closed();
    if (IsServed()) return Status::Fail(EBUSY, "another worker serves this store host");
    session_ = ++last_session_;
    wake_ = std::make_shared<const std::function<void()>>(std::move(wake));
    woken_ = false;
    arena_ = fresh;
    *session = session_;
    first = TakeWake();
    changed_.NotifyAll();
  }
  *arena = std::move(fresh);
  if (first) (*first)();
  return Status::Ok();
}

bool StoreHost::TakeCall(Session session, HostCall* call) {
  HostPart part;
  std::shared_ptr<HostArena> arena;
  {
    MutexLock lock(mutex_);
    if (closed_ || session != session_) return false;
    if (!NextPart(&part)) {
      woken_ = false;
      return false;
    }
    arena = arena_;
  }

  // The call's owner keeps it until Done, and nobody else can end a part that is in no container.
  const StoreCall& source = *part.job->call;
  if (source.op == StoreOp::kWrite) {
    CopyFromIovecs(source.iovecs, part.offset, arena->data() + part.arena_offset,
                   part.byte_length);
  }

  EndedList ended;
  {
    MutexLock lock(mutex_);
    HostStore* const store = part.job->store;
    if (!closed_ && session == session_) {
      call->token = ++last_token_;
      call->store_key = store->key_;
      call->op = source.op;
      call->offset = source.op == StoreOp::kFlush ? 0 : source.offset + part.offset;
      call->byte_length = part.byte_length;
      call->arena_offset = part.arena_offset;
      in_flight_.emplace(call->token, part);
      return true;
    }
    store->in_flight_ -= 1;
    if (closed_) {
      UpdateReady(store);
      EndPart(part, HostOutcome::kError, Closed(), &ended);
    } else {
      Requeue(part);
    }
  }
  Finish(std::move(ended));
  return false;
}

void StoreHost::Complete(uint64_t token, HostOutcome outcome, Status status) {
  HostPart part;
  std::shared_ptr<HostArena> arena;
  {
    MutexLock lock(mutex_);
    const auto found = in_flight_.find(token);
    if (found == in_flight_.end()) return;
    part = found->second;
    in_flight_.erase(found);
    arena = arena_;
  }

  const StoreCall& call = *part.job->call;
  if (call.op == StoreOp::kRead && outcome == HostOutcome::kOk) {
    CopyToIovecs(call.iovecs, part.offset, arena->data() + part.arena_offset, part.byte_length);
  } else if (call.op == StoreOp::kRead && outcome == HostOutcome::kHole && part.job->parts > 1) {
    // Other parts of the same call may have bytes, and then this one has to be zeros.
    ZeroIovecs(call.iovecs, part.offset, part.byte_length);
  }

  EndedList ended;
  Wake wake;
  {
    MutexLock lock(mutex_);
    HostStore* const store = part.job->store;
    if (MovesBytes(call.op)) arena->Free(part.arena_offset, part.byte_length);
    store->in_flight_ -= 1;
    UpdateReady(store);
    EndPart(part, outcome, status, &ended);
    wake = TakeWake();
  }
  if (wake) (*wake)();
  Finish(std::move(ended));
}

void StoreHost::Requeue(const HostPart& part) {
  HostStore* const store = part.job->store;
  store->waiting_.push_front(part);
  requeued_ += 1;
  UpdateReady(store);
}

void StoreHost::Detach(Session session) {
  EndedList ended;
  {
    MutexLock lock(mutex_);
    if (session == 0 || session != session_) return;
    session_ = 0;
    wake_ = nullptr;
    arena_ = nullptr;
    unserved_since_ = Clock::now();
    // Newest first, so that each store's queue is in its old order again.
    std::vector<uint64_t> tokens;
    for (const auto& [token, part] : in_flight_) tokens.push_back(token);
    std::sort(tokens.begin(), tokens.end(), std::greater<>());
    for (const uint64_t token : tokens) {
      const HostPart part = in_flight_.at(token);
      part.job->store->in_flight_ -= 1;
      Requeue(part);
    }
    in_flight_.clear();
    if (GraceLeft() <= Clock::duration::zero()) {
      FailWaiting(Died(), &ended);
    } else if (!jobs_.empty()) {
      StartGraceThread();
    }
    changed_.NotifyAll();
  }
  Finish(std::move(ended));
}

}  // namespace umap
