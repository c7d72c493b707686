// The engine's face for whoever embeds it: page buffers, regions, and their operations. Operations
// that wait take a callback, which runs once, on an engine thread; it must not block or touch a
// region. Everything else may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/fault_mode.h"
#include "os/status.h"
#include "page/events.h"
#include "store/store.h"

namespace umap {

class PageBuffer;
class Region;
struct SharedPages;

struct EngineOptions {
  // 0: the default for this machine.
  uint32_t fillers = 0;
  uint32_t evictors = 0;
  // Messages that one read() of the userfaultfd takes at most.
  uint32_t fault_events_max = 0;
  // For tests and measurements of the fallbacks: bits of the userfaultfd features that the engine
  // must do without, and whether faults inside system calls count as refused.
  uint64_t features_denied = 0;
  bool kernel_faults_denied = false;
};

struct BufferOptions {
  // 0: adaptive, half of what is available, followed up and down while the program runs.
  uint64_t budget_bytes = 0;
  // Mapped bytes, in percent of the budget, at which eviction starts and stops.
  uint32_t high_water_percent = 0;  // 0: default
  uint32_t low_water_percent = 0;
};

struct BufferStats {
  uint64_t budget_bytes = 0;
  // Physical memory held: mapped pages, standby frames and free frames. Never above the budget.
  uint64_t resident_bytes = 0;
  uint64_t resident_bytes_max = 0;
  uint64_t mapped_bytes = 0;
  uint64_t standby_bytes = 0;
  uint64_t dirty_bytes = 0;
  uint32_t regions = 0;
};

struct RegionOptions {
  std::shared_ptr<Store> store;
  std::shared_ptr<PageBuffer> buffer;
  bool writable = false;
  uint64_t page_bytes = 65536;
  // Window of the store; offset is a multiple of page_bytes.
  uint64_t store_offset = 0;
  uint64_t byte_length = 0;
  // Read-ahead window at most, in pages; -1: the default; 0: none.
  int64_t read_ahead_pages_max = -1;
  FaultChoice faults = FaultChoice::kAuto;
  // Where the pages lie with FaultChoice::kShared, new or used; see shared_region.h. Only read by
  // OpenRegion.
  const SharedPages* shared = nullptr;
};

struct LatencySummary {
  uint64_t count = 0;
  double p50_us = 0, p99_us = 0, max_us = 0;
};

struct RegionStats {
  FaultMode fault_mode = FaultMode::kUserfaultfd;
  uint64_t faults = 0, fills = 0, fill_bytes = 0, evictions = 0;
  // Faults answered from a standby frame, with no store I/O.
  uint64_t standby_hits = 0;
  uint64_t write_protect_faults = 0;
  uint64_t write_backs = 0, write_back_bytes = 0;
  uint64_t resident_bytes = 0, dirty_bytes = 0, pinned_bytes = 0;
  uint64_t read_ahead_bytes = 0, read_ahead_used_bytes = 0;
  uint64_t store_errors = 0;
  LatencySummary fault_latency, fill_latency;
};

// Process-wide options; they count from the next start of the engine (when no region is open).
void ConfigureEngine(const EngineOptions& options);

std::shared_ptr<PageBuffer> CreateBuffer(const BufferOptions& options);
BufferStats StatsOf(const PageBuffer& buffer);

// Starts the engine when this is the first region. Fails with EPERM, ENOSYS (no userfaultfd),
// ENOMEM, EINVAL and a message that says which.
Status OpenRegion(const RegionOptions& options, std::shared_ptr<Region>* region);

// Null where only clients map the region's pages.
uint8_t* DataOf(const Region& region);
uint64_t MappedBytesOf(const Region& region);  // byte length rounded up to whole pages

// What happened, told to every subscriber. The returned number ends the subscription.
uint64_t Subscribe(Region& region, EventSink sink);
void Unsubscribe(Region& region, uint64_t subscription);

void Prefault(const std::shared_ptr<Region>& region, std::vector<ByteRange> ranges, Callback done);
void Flush(const std::shared_ptr<Region>& region, ByteRange range, Callback done);
void Evict(const std::shared_ptr<Region>& region, ByteRange range, Callback done);
void Discard(const std::shared_ptr<Region>& region, ByteRange range, Callback done);
// Makes the range resident and keeps it so; blocks the caller until it is. Unpin takes the same
// range once for each Pin. ENOMEM when the buffer cannot hold that much pinned.
Status Pin(const std::shared_ptr<Region>& region, ByteRange range);
void Unpin(const std::shared_ptr<Region>& region, ByteRange range);
RegionStats StatsOf(const Region& region);

// Writes everything back, makes it durable, unmaps, gives everything back; stops the engine when it
// was the last region. On failure the region stays open, with its data, and close may be repeated;
// a failure that is not retryable is reported once, and the next close succeeds.
// REQUIRES: no thread touches the region any more.
void Close(const std::shared_ptr<Region>& region, Callback done);

// The process ends: stores that need a JavaScript thread are failed at once, so that no thread
// stays blocked; dirty pages of native stores are written back. Called from a cleanup hook.
void PrepareForExit();

// Test hooks: a named point of the pipeline at which the thread that reaches it runs `hook`.
// Points: see page/test_points.h. An empty function removes it.
void SetTestPoint(const std::string& name, std::function<void()> hook);

}  // namespace umap
