// Brings the traits of a JavaScript store into a form that the queue can rely on.
#include "store/host_store.h"

#include <algorithm>
#include <utility>

namespace umap {

namespace {

StoreTraits Sane(StoreTraits traits) {
  traits.blocking = false;
  traits.direct = false;
  traits.concurrency_max = std::max<uint32_t>(traits.concurrency_max, 1);
  traits.call_bytes_max = std::max<uint64_t>(traits.call_bytes_max, 1);
  return traits;
}

}  // namespace

HostStore::HostStore(std::shared_ptr<StoreHost> host, uint64_t key, StoreTraits traits,
                     std::string label)
    : host_(std::move(host)), key_(key), traits_(Sane(traits)), label_(std::move(label)) {}

}  // namespace umap
