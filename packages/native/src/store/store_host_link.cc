// See store_host_link.h.
#include "store/store_host_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "store/store_host_wire.h"

namespace umap {

Status HostLink::Create(std::shared_ptr<HostLink>* link) {
  auto created = std::make_shared<HostLink>();
  const Status status = CreateSocketPair(&created->parent_, &created->child_);
  if (status.ok()) *link = std::move(created);
  return status;
}

Status HostLink::Serve(uint64_t id, std::shared_ptr<StoreHost> host) {
  relays_.erase(id);
  std::unique_ptr<HostRelay> relay;
  const Status status = HostRelay::Start(std::move(host), parent_.get(), &relay);
  if (status.ok()) relays_[id] = std::move(relay);
  return status;
}

void HostLink::Close() {
  relays_.clear();
  parent_.Reset();
  child_.Reset();
}

Status EndWithLink(int link) {
  if (fcntl(link, F_SETFD, FD_CLOEXEC) != 0) {
    return SystemError(errno, "taking over the link to the process that maps the regions");
  }
  // Of the thread that started us. Where it is gone already, the link is closed too.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::thread guard([link] {
    pollfd fd = {link, 0, 0};
    while (poll(&fd, 1, -1) < 0 && errno == EINTR) {
    }
    _exit(0);
  });
  pthread_setname_np(guard.native_handle(), "umap-link");
  guard.detach();
  return Status::Ok();
}

}  // namespace umap
