// See engine.h: buffers, operations, statistics. open_close.cc and pin.cc have the rest.
#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "engine/engine_state.h"
#include "engine/range_operations.h"
#include "os/log.h"
#include "os/memory_info.h"
#include "os/signal_mask.h"
#include "page/test_points.h"

namespace umap {
namespace {

constexpr uint32_t kHighWaterPercent = 97;
constexpr uint32_t kLowWaterPercent = 95;

// Runs `work(pager, region)` on a job thread and tells the outcome.
template <typename Work>
void RunJob(const std::shared_ptr<Region>& region, Callback done, Work work) {
  const Status status = EngineState::Get().jobs().Run([region, done, work = std::move(work)] {
    done(work(EngineState::Get().pager(), *region));
  });
  if (!status.ok()) done(status);
}

LatencySummary Summarize(const LatencyFigures& figures) {
  return {figures.count, figures.p50_us, figures.p99_us, figures.max_us};
}

}  // namespace

void ConfigureEngine(const EngineOptions& options) { EngineState::Get().Configure(options); }

std::shared_ptr<PageBuffer> CreateBuffer(const BufferOptions& options) {
  BufferLimits limits;
  limits.adaptive = options.budget_bytes == 0;
  limits.budget_bytes = options.budget_bytes;
  limits.budget_bytes_max = options.budget_bytes;
  if (limits.adaptive) {
    const MemoryInfo memory = ReadMemoryInfo();
    limits.budget_bytes = memory.available_bytes / 2;
    limits.budget_bytes_max = memory.total_bytes;
  }
  if (options.high_water_percent) limits.high_water_percent = options.high_water_percent;
  if (options.low_water_percent) limits.low_water_percent = options.low_water_percent;
  limits.low_water_percent = std::min(limits.low_water_percent, limits.high_water_percent);
  return std::make_shared<PageBuffer>(limits);
}

BufferStats StatsOf(const PageBuffer& buffer) {
  const SignalsBlocked blocked;
  BufferStats stats;
  stats.budget_bytes = buffer.budget_bytes();
  stats.resident_bytes = buffer.resident_bytes();
  stats.resident_bytes_max = buffer.resident_bytes_max();
  stats.mapped_bytes = buffer.mapped_bytes();
  stats.standby_bytes = buffer.standby_bytes();
  stats.dirty_bytes = buffer.dirty_bytes.load();
  stats.regions = buffer.region_count();
  return stats;
}

uint8_t* DataOf(const Region& region) { return region.memory.data(); }

uint64_t MappedBytesOf(const Region& region) {
  return uint64_t{region.page_count} << region.page_shift;
}

uint64_t Subscribe(Region& region, EventSink sink) {
  MutexLock lock(region.mutex);
  const uint64_t subscription = region.next_subscription++;
  region.subscribers[subscription] = std::move(sink);
  return subscription;
}

void Unsubscribe(Region& region, uint64_t subscription) {
  MutexLock lock(region.mutex);
  region.subscribers.erase(subscription);
}

void Prefault(const std::shared_ptr<Region>& region, std::vector<ByteRange> ranges,
              Callback done) {
  RunJob(region, std::move(done), [ranges = std::move(ranges)](Pager& pager, Region& target) {
    return PrefaultPages(pager, target, ranges);
  });
}

void Flush(const std::shared_ptr<Region>& region, ByteRange range, Callback done) {
  RunJob(region, std::move(done), [range](Pager& pager, Region& target) {
    return FlushPages(pager, target, PagesOf(target, range));
  });
}

void Evict(const std::shared_ptr<Region>& region, ByteRange range, Callback done) {
  RunJob(region, std::move(done), [range](Pager& pager, Region& target) {
    return EvictPages(pager, target, PagesOf(target, range));
  });
}

void Discard(const std::shared_ptr<Region>& region, ByteRange range, Callback done) {
  RunJob(region, std::move(done), [range](Pager& pager, Region& target) {
    return DiscardRange(pager, target, range);
  });
}

RegionStats StatsOf(const Region& region) {
  const RegionCounters& counters = region.counters;
  RegionStats stats;
  stats.fault_mode = region.mapper->mode();
  stats.faults = counters.Sum(Counter::kFaults);
  stats.write_protect_faults = counters.Sum(Counter::kWriteProtectFaults);
  stats.standby_hits = counters.Sum(Counter::kStandbyHits);
  stats.fills = counters.Sum(Counter::kFills);
  stats.fill_bytes = counters.Sum(Counter::kFillBytes);
  stats.evictions = counters.Sum(Counter::kEvictions);
  stats.write_backs = counters.Sum(Counter::kWriteBacks);
  stats.write_back_bytes = counters.Sum(Counter::kWriteBackBytes);
  stats.read_ahead_bytes = counters.Sum(Counter::kReadAheadBytes);
  stats.read_ahead_used_bytes = counters.Sum(Counter::kReadAheadUsedBytes);
  stats.store_errors = counters.Sum(Counter::kStoreErrors);
  stats.fault_latency = Summarize(counters.FaultLatency());
  stats.fill_latency = Summarize(counters.FillLatency());
  const uint64_t zero_pages = region.zero_pages.load();
  const uint64_t resident_pages = region.table.CountResident();
  stats.resident_bytes =
      (resident_pages - std::min(zero_pages, resident_pages)) * region.page_bytes;
  stats.dirty_bytes = region.table.CountDirty() * region.page_bytes;
  stats.pinned_bytes = region.pinned_pages.load() * region.page_bytes;
  return stats;
}

void PrepareForExit() {
  const SignalsBlocked blocked;
  // What was written to memory outlives the process where the store is native, as with mmap(2).
  for (const auto& region : EngineState::Get().Regions()) {
    if (!region->writable || !region->store->traits().blocking) continue;
    if (region->write_backs_held.load()) continue;
    const Status status =
        WriteBackPages(EngineState::Get().pager(), *region, {0, region->page_count});
    if (status.ok()) continue;
    Log(LogLevel::kError, "changes to " + region->store->label() +
                              " are lost at exit: " + status.message);
  }
}

}  // namespace umap
