// See store_host_link.h.
#include "store/store_host_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
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
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(link, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET) {
    return Status::Fail(EINVAL, "descriptor " + std::to_string(link) + " is no link to a program");
  }
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
