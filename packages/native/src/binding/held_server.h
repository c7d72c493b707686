// A server together with the regions of its data sets, which must not be closed before it is. Knows
// nothing of Node.
#pragma once

#include <memory>
#include <vector>

#include "binding/held_region.h"
#include "os/mutex.h"
#include "server/server.h"

namespace umap {

// Any thread.
class HeldServer : public std::enable_shared_from_this<HeldServer> {
 public:
  explicit HeldServer(std::shared_ptr<Server> server) : server_(std::move(server)) {}

  Server& server() { return *server_; }

  // Takes a reference to the region.
  Status AddDataset(const DatasetOptions& dataset, const std::shared_ptr<HeldRegion>& region);
  // Once. Gives the regions back before `done` is called, which may be on any thread.
  void Close(Callback done);

 private:
  const std::shared_ptr<Server> server_;
  Mutex mutex_;
  std::vector<std::shared_ptr<HeldRegion>> regions_ GUARDED_BY(mutex_);
};

}  // namespace umap
