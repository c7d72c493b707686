// See held_server.h.
#include "binding/held_server.h"

#include <cerrno>
#include <utility>

namespace umap {

Status HeldServer::AddDataset(const DatasetOptions& dataset,
                              const std::shared_ptr<HeldRegion>& region) {
  if (!region->AddReference()) return Status::Fail(EBADF, "the region is being closed");
  const Status status = server_->AddDataset(dataset);
  if (!status.ok()) {
    region->AbandonReferences(1);
    return status;
  }
  MutexLock lock(mutex_);
  regions_.push_back(region);
  return status;
}

void HeldServer::Close(Callback done) {
  server_->Close([self = shared_from_this(), done = std::move(done)](const Status& status) {
    std::vector<std::shared_ptr<HeldRegion>> regions;
    {
      MutexLock lock(self->mutex_);
      regions.swap(self->regions_);
    }
    for (const auto& region : regions) region->AbandonReferences(1);
    done(status);
  });
}

}  // namespace umap
