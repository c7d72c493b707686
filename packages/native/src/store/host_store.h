// A store that runs in JavaScript, as the engine sees it: calls go into the queue of a store host
// and end when its worker answers. Never blocks, never runs on the thread that faulted.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "store/store.h"
#include "store/store_host.h"

namespace umap {

class HostStore final : public Store {
 public:
  // `key` tells the host's worker which of its stores is meant. `traits.blocking` is ignored.
  HostStore(std::shared_ptr<StoreHost> host, uint64_t key, StoreTraits traits, std::string label);

  const StoreTraits& traits() const override { return traits_; }
  const std::string& label() const override { return label_; }
  void Submit(StoreCall* call) override { host_->Submit(this, call); }
  bool OldestCall(PendingCall* pending) const override { return host_->OldestCall(this, pending); }

 private:
  friend class StoreHost;

  const std::shared_ptr<StoreHost> host_;
  const uint64_t key_;
  const StoreTraits traits_;
  const std::string label_;

  // The rest is guarded by the host's mutex.
  std::deque<HostPart> waiting_;
  uint32_t in_flight_ = 0;
  // Writes and discards that have ended, and how many of them a flush has made durable.
  uint64_t changes_ = 0;
  uint64_t flushed_changes_ = 0;
  // Invariant: true exactly while the host's list of ready stores holds this one; it may be so only
  // while something waits.
  bool ready_ = false;
};

}  // namespace umap
