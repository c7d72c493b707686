// A store host as the thread that runs its stores sees it, whether the host's queue is in this
// process or in another one. Belongs to that thread, save where it says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "os/status.h"
#include "store/host_arena.h"
#include "store/store_host.h"

namespace umap {

class HostService {
 public:
  virtual ~HostService() = default;
  HostService(const HostService&) = delete;
  HostService& operator=(const HostService&) = delete;

  const std::shared_ptr<HostArena>& arena() const { return arena_; }

  // False: nothing to do now.
  virtual bool TakeCall(HostCall* call) = 0;
  // `status` counts for kError only.
  virtual void Complete(uint64_t token, HostOutcome outcome, Status status) = 0;
  // Ends the service: calls that were taken and not completed wait for the next one. Idempotent;
  // called at the latest by the destructor of the implementation.
  virtual void Stop() = 0;

  // For a thread that waits without its event loop. A service that is told of calls by `wake` alone
  // has no descriptor, and is never asked. A descriptor becomes readable when a call comes;
  // `wake` then needs a Watch() for each time that it shall be called.
  virtual int fd() const { return -1; }
  virtual bool HasCall() { return false; }
  virtual void Watch() {}

 protected:
  HostService() = default;

  std::shared_ptr<HostArena> arena_;
};

// Serves a host of this process. `wake` is called, on any thread, when there is something to take;
// it must not block. EBUSY: it is served already.
Status ServeLocally(std::shared_ptr<StoreHost> host, std::function<void()> wake,
                    std::shared_ptr<HostService>* service);

// Takes over the next host that the process at the other end of `link` has sent; see HostLink. The
// first wake needs no Watch().
Status ServeRemotely(int link, std::function<void()> wake, std::shared_ptr<HostService>* service);

}  // namespace umap
