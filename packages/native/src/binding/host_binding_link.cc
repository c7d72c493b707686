// Exports for stores in a process of their own: who starts that process makes a link that it
// inherits; the process takes the link over and ends with it.
#include <cerrno>
#include <memory>

#include "binding/exports.h"
#include "binding/found.h"
#include "store/store_host_link.h"

namespace umap {

namespace {

constexpr uint64_t kDescriptorMax = INT32_MAX;

HostLink* FoundLink(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "link");
  if (!arguments.ok()) return nullptr;
  const auto found = environment.links.find(id);
  if (found != environment.links.end()) return found->second.get();
  Throw(environment.env(), Status::Fail(EBADF, "there is no such link in this thread"));
  return nullptr;
}

// Supervisor --------------------------------------------------------------------------------------

Napi::Value HostLinkCreate(Environment& environment, Arguments&) {
  std::shared_ptr<HostLink> link;
  const Status status = HostLink::Create(&link);
  if (!status.ok()) return Throw(environment.env(), status);
  const uint64_t id = ++environment.last_link;
  environment.links[id] = std::move(link);
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

Napi::Value HostLinkChildFd(Environment& environment, Arguments& arguments) {
  const HostLink* const link = FoundLink(environment, arguments);
  if (link == nullptr) return {};
  return Napi::Number::New(environment.env(), link->child_fd());
}

Napi::Value HostLinkStarted(Environment& environment, Arguments& arguments) {
  HostLink* const link = FoundLink(environment, arguments);
  if (link != nullptr) link->CloseChildEnd();
  return {};
}

Napi::Value HostLinkServe(Environment& environment, Arguments& arguments) {
  HostLink* const link = FoundLink(environment, arguments);
  if (link == nullptr) return {};
  const auto host = Found<StoreHost>(arguments, arguments[1], "store host");
  if (host == nullptr) return {};
  const Status status = link->Serve(arguments.Whole(arguments[1], "store host"), host);
  return status.ok() ? Napi::Value() : Throw(environment.env(), status);
}

Napi::Value HostLinkUnserve(Environment& environment, Arguments& arguments) {
  HostLink* const link = FoundLink(environment, arguments);
  const uint64_t id = arguments.Whole(arguments[1], "store host");
  if (link != nullptr && arguments.ok()) link->Unserve(id);
  return {};
}

// Of a link that is gone already too, because closing twice is no mistake.
Napi::Value HostLinkClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "link");
  const auto found = environment.links.find(id);
  if (!arguments.ok() || found == environment.links.end()) return {};
  found->second->Close();
  environment.links.erase(found);
  return {};
}

// The process of the stores -----------------------------------------------------------------------

Napi::Value HostLinkAccept(Environment& environment, Arguments& arguments) {
  const uint64_t fd = arguments.Whole(arguments[0], "fd", kDescriptorMax);
  if (!arguments.ok()) return {};
  const Status status = EndWithLink(static_cast<int>(fd));
  if (!status.ok()) return Throw(environment.env(), status);
  environment.parent_link = static_cast<int>(fd);
  return {};
}

constexpr Export kExports[] = {
    {"hostLinkCreate", Bound<HostLinkCreate>},
    {"hostLinkChildFd", Bound<HostLinkChildFd>},
    {"hostLinkStarted", Bound<HostLinkStarted>},
    {"hostLinkServe", Bound<HostLinkServe>},
    {"hostLinkUnserve", Bound<HostLinkUnserve>},
    {"hostLinkClose", Bound<HostLinkClose>},
    {"hostLinkAccept", Bound<HostLinkAccept>},
};

}  // namespace

std::span<const Export> HostLinkExports() { return kExports; }

}  // namespace umap
