// See engine_state.h.
#include "engine/engine_state.h"

#include "os/check.h"

namespace umap {

EngineState& EngineState::Get() {
  static auto* state = new EngineState();
  return *state;
}

void EngineState::Configure(const EngineOptions& options) {
  MutexLock lock(mutex_);
  options_ = options;
}

Status EngineState::Acquire(std::shared_ptr<Pager>* pager) {
  MutexLock lock(mutex_);
  if (!pager_) {
    auto fresh = std::make_shared<Pager>(PagerOptions{
        options_.fillers, options_.evictors, options_.fault_events_max, options_.features_denied,
        options_.kernel_faults_denied});
    Status status = fresh->Start();
    if (!status.ok()) return status;
    pager_ = std::move(fresh);
  }
  uses_++;
  *pager = pager_;
  return Status::Ok();
}

void EngineState::Release() {
  MutexLock lock(mutex_);
  CHECK(uses_ > 0);
  if (--uses_ > 0) return;
  pager_->Stop();
  pager_.reset();
  jobs_.Stop();
}

Pager& EngineState::pager() {
  MutexLock lock(mutex_);
  CHECK(pager_);
  return *pager_;
}

void EngineState::AddRegion(const std::shared_ptr<Region>& region) {
  MutexLock lock(mutex_);
  regions_.insert(region);
}

void EngineState::RemoveRegion(const std::shared_ptr<Region>& region) {
  MutexLock lock(mutex_);
  regions_.erase(region);
}

std::vector<std::shared_ptr<Region>> EngineState::Regions() {
  MutexLock lock(mutex_);
  return {regions_.begin(), regions_.end()};
}

}  // namespace umap
