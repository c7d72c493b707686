// Store hosts in a process of their own: on macOS there are none, for want of sockets that keep
// records apart and of memory that is sealed. A link cannot be had, so that nothing else is called.
#include <cerrno>

#include "store/store_host_link.h"
#include "store/store_host_service.h"

namespace umap {
namespace {

Status Unsupported() {
  return Status::Fail(ENOSYS, "a store host in a process of its own needs Linux");
}

}  // namespace

struct HostRelay::Channel {};

HostRelay::~HostRelay() = default;

Status HostLink::Create(std::shared_ptr<HostLink>*) { return Unsupported(); }
Status HostLink::Serve(uint64_t, std::shared_ptr<StoreHost>) { return Unsupported(); }
void HostLink::Close() {}
Status EndWithLink(int) { return Unsupported(); }

Status ServeRemotely(int, std::function<void()>, std::shared_ptr<HostService>*) {
  return Unsupported();
}

}  // namespace umap
