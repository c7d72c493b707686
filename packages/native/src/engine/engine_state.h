// The one engine of the process: its pager and job threads, alive while regions are. Not part of
// the engine's face; shared by the files that implement it.
#pragma once

#include <memory>
#include <set>

#include "engine/engine.h"
#include "engine/job_runner.h"
#include "os/mutex.h"
#include "page/region.h"
#include "pipeline/pager.h"

namespace umap {

class EngineState {
 public:
  // Never destroyed: threads may be in it while the process ends.
  static EngineState& Get();

  void Configure(const EngineOptions& options);
  // The pager, started if need be, with one more region counted.
  Status Acquire(std::shared_ptr<Pager>* pager);
  // One region less; the last one stops the engine.
  void Release();
  // REQUIRES: a region is open.
  Pager& pager();
  JobRunner& jobs() { return jobs_; }

  void AddRegion(const std::shared_ptr<Region>& region);
  void RemoveRegion(const std::shared_ptr<Region>& region);
  std::vector<std::shared_ptr<Region>> Regions();

 private:
  Mutex mutex_;
  EngineOptions options_ GUARDED_BY(mutex_);
  std::shared_ptr<Pager> pager_ GUARDED_BY(mutex_);
  uint32_t uses_ GUARDED_BY(mutex_) = 0;
  std::set<std::shared_ptr<Region>> regions_ GUARDED_BY(mutex_);
  JobRunner jobs_;
};

}  // namespace umap
