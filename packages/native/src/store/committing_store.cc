// Group commit over a store, see committing_store.h. Runs on whichever thread submits, and on those
// on which the inner store answers; holds no lock over a call of either side.
#include "store/committing_store.h"

#include <utility>
#include <vector>

#include "os/mutex.h"

namespace umap {
namespace {

class Committer;

// A write or discard on its way through the inner store, in the caller's place.
class Change final : public StoreCall {
 public:
  Change(std::shared_ptr<Committer> committer, StoreCall* outer)
      : committer_(std::move(committer)), outer_(outer) {
    op = outer->op;
    offset = outer->offset;
    byte_length = outer->byte_length;
    iovecs = outer->iovecs;
  }
  void Done(StoreResult result) override;
  // The caller may be gone when this returns, and the store that it called with it.
  void End(StoreResult result) { outer_->Done(std::move(result)); }

 private:
  const std::shared_ptr<Committer> committer_;
  StoreCall* const outer_;
};

using Changes = std::vector<std::unique_ptr<Change>>;

// Outlives the store until a call under way has ended: who is told of an end may drop the store. It
// does not keep the inner store, whose last owner may not be the thread on which it answers.
class Committer final : public StoreCall, public std::enable_shared_from_this<Committer> {
 public:
  explicit Committer(Store& inner) : inner_(inner) { op = StoreOp::kFlush; }

  // The inner store has made this change.
  void Add(std::unique_ptr<Change> change) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      waiting_.push_back(std::move(change));
      if (flushing_) return;
      flushing_ = true;
    }
    Flush(shared_from_this());
  }

  // The flush has ended, perhaps while it is still being submitted: then that thread goes on, or
  // many writers of a store that blocks would nest ever deeper.
  void Done(StoreResult result) override EXCLUDES(mutex_) {
    const std::shared_ptr<Committer> self = shared_from_this();
    {
      MutexLock lock(mutex_);
      result_ = std::move(result);
      if (submitting_) {
        submitting_ = false;
        return;
      }
    }
    if (EndGroup()) Flush(self);
  }

 private:
  // REQUIRES: this thread has set flushing_, or was told to go on by EndGroup.
  void Flush(const std::shared_ptr<Committer>& self) EXCLUDES(mutex_) {
    do {
      // 1. What has ended by now is covered by a flush that begins now.
      {
        MutexLock lock(mutex_);
        group_.swap(waiting_);
        submitting_ = true;
      }
      // 2. Whoever comes second, its end or the end of Submit, goes on.
      inner_.Submit(self.get());
      MutexLock lock(mutex_);
      if (submitting_) {
        submitting_ = false;
        return;
      }
    } while (EndGroup());
  }

  // Ends the changes of the flush that has ended. True: others wait, flush again.
  bool EndGroup() EXCLUDES(mutex_) {
    Changes ended;
    StoreResult result;
    bool again = false;
    {
      MutexLock lock(mutex_);
      ended.swap(group_);
      result = std::move(result_);
      again = flushing_ = !waiting_.empty();
    }
    for (const std::unique_ptr<Change>& change : ended) change->End({result.status, false});
    return again;
  }

  // There for as long as a change waits: its caller keeps the store.
  Store& inner_;
  Mutex mutex_;
  // Changes that no flush covers yet.
  Changes waiting_ GUARDED_BY(mutex_);
  // Those that the flush under way covers.
  Changes group_ GUARDED_BY(mutex_);
  // Invariant: true while a change waits, save for a moment in which a thread is about to flush.
  bool flushing_ GUARDED_BY(mutex_) = false;
  // The flush is being submitted, and neither that nor the flush has ended.
  bool submitting_ GUARDED_BY(mutex_) = false;
  StoreResult result_ GUARDED_BY(mutex_);
};

void Change::Done(StoreResult result) {
  std::unique_ptr<Change> self(this);
  if (!result.status.ok()) {
    End(std::move(result));
    return;
  }
  const std::shared_ptr<Committer> committer = committer_;
  committer->Add(std::move(self));
}

class CommittingStore final : public Store {
 public:
  explicit CommittingStore(std::shared_ptr<Store> inner)
      : inner_(std::move(inner)), committer_(std::make_shared<Committer>(*inner_)) {}

  const StoreTraits& traits() const override { return inner_->traits(); }
  const std::string& label() const override { return inner_->label(); }

  TryReadOutcome TryRead(uint64_t offset, void* target, uint64_t byte_length,
                         MayWait may_wait) override {
    return inner_->TryRead(offset, target, byte_length, may_wait);
  }

  void Submit(StoreCall* call) override {
    if (call->op == StoreOp::kRead || call->op == StoreOp::kFlush) {
      inner_->Submit(call);
    } else {
      inner_->Submit(new Change(committer_, call));
    }
  }

  // What hangs is named as the inner store knows it: a write that waits for its flush is that.
  bool OldestCall(PendingCall* pending) const override { return inner_->OldestCall(pending); }

 private:
  const std::shared_ptr<Store> inner_;
  const std::shared_ptr<Committer> committer_;
};

}  // namespace

std::shared_ptr<Store> MakeCommittingStore(std::shared_ptr<Store> inner) {
  return std::make_shared<CommittingStore>(std::move(inner));
}

}  // namespace umap
