// See waited_call.h.
#include "store/waited_call.h"

#include <utility>

#include "os/mutex.h"

namespace umap {
namespace {

class WaitedCall final : public StoreCall {
 public:
  void Done(StoreResult result) override {
    MutexLock lock(mutex_);
    result_ = std::move(result);
    done_ = true;
    changed_.NotifyAll();
  }

  Status Wait() {
    MutexLock lock(mutex_);
    while (!done_) changed_.Wait(mutex_);
    return std::move(result_.status);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool done_ GUARDED_BY(mutex_) = false;
  StoreResult result_ GUARDED_BY(mutex_);
};

}  // namespace

Status RunStoreCall(Store& store, StoreOp op, uint64_t offset, uint64_t byte_length,
                    void* memory) {
  WaitedCall call;
  call.op = op;
  call.offset = offset;
  call.byte_length = byte_length;
  if (memory) call.iovecs.push_back({memory, byte_length});
  store.Submit(&call);
  return call.Wait();
}

}  // namespace umap
