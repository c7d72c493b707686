// The connection between the process that maps regions and the one that runs their stores: store
// hosts are handed over through it, and each end notices by it when the other process is gone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "os/status.h"
#include "os/unique_fd.h"
#include "store/store_host.h"
#include "store/store_host_relay.h"

namespace umap {

// The end of the process that maps regions. Thread rule: one thread at a time.
class HostLink {
 public:
  static Status Create(std::shared_ptr<HostLink>* link);

  // The other end, to be inherited by the process that is started; -1 once that was done.
  int child_fd() const { return child_.get(); }
  void CloseChildEnd() { child_.Reset(); }

  // From now on the process at the other end serves `host`, which it takes over with
  // ServeRemotely(), in the order of these calls. `id` names it here.
  Status Serve(uint64_t id, std::shared_ptr<StoreHost> host);
  void Unserve(uint64_t id) { relays_.erase(id); }
  // Nothing is served any more, and the other process ends.
  void Close();

 private:
  UniqueFd parent_;
  UniqueFd child_;
  std::map<uint64_t, std::unique_ptr<HostRelay>> relays_;
};

// In the process that runs the stores: it ends, at once and whatever its threads do, when the
// process at the other end of `link`, or the thread there that started it, is gone.
Status EndWithLink(int link);

}  // namespace umap
