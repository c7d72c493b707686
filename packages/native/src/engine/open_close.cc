// A region's beginning and end. See engine.h.
#include <errno.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/engine_state.h"
#include "engine/range_operations.h"
#include "engine/shared_region.h"
#include "os/check.h"
#include "os/signal_mask.h"

namespace umap {
namespace {

constexpr uint64_t kReadAheadBytesMax = 8 << 20;
constexpr uint64_t kFarReadAheadBytesMax = 64 << 20;
// Above it a copy costs more than two interrupts.
constexpr uint64_t kCopiedPageBytesMax = 16 << 10;
constexpr timespec kPause = {0, 100'000};

uint64_t BytesInFlightMax(const StoreTraits& traits) {
  const uint64_t calls = std::max<uint64_t>(1, traits.concurrency_max);
  if (traits.call_bytes_max >= kFarReadAheadBytesMax / calls) return kFarReadAheadBytesMax;
  return calls * traits.call_bytes_max;
}

PageIndex ReadAheadPagesMax(const RegionOptions& options) {
  if (options.read_ahead_pages_max >= 0) {
    return static_cast<PageIndex>(std::min<int64_t>(options.read_ahead_pages_max, 1 << 20));
  }
  // What is read ahead must fit into probation: see docs/decisions/0001-eviction-policy.md. A store
  // that is far away has as much as it takes to keep it busy; how much of that fits, each window
  // asks anew: see docs/decisions/0012-read-ahead-from-far-stores.md.
  const StoreTraits& traits = options.store->traits();
  const uint64_t budget = options.buffer->budget_bytes();
  uint64_t bytes = std::min(kReadAheadBytesMax, budget / 100 * 7);
  if (!traits.blocking) {
    bytes = std::max(bytes, std::min(BytesInFlightMax(traits), budget / 8 * 3));
  }
  return static_cast<PageIndex>(bytes / options.page_bytes);
}

// Moving a page costs an interrupt of the other processors, on its way in and on its way out. A
// small page that nobody writes is therefore copied in and dropped, many of them at a time: what
// standby would tell about it the history of its evictions tells too.
// See docs/decisions/0015-small-pages-are-copied.md.
bool StandsBy(const Region& region) {
  const bool small = region.page_bytes <= kCopiedPageBytesMax && !region.writable;
  return region.mapper->takes_out() && (region.mapper->places_frames() || !small);
}

std::shared_ptr<Region> Describe(const RegionOptions& options) {
  auto region = std::make_shared<Region>();
  region->store = options.store;
  region->buffer = options.buffer;
  region->writable = options.writable;
  region->page_bytes = options.page_bytes;
  region->page_shift = static_cast<uint32_t>(std::countr_zero(options.page_bytes));
  region->store_offset = options.store_offset;
  region->byte_length = options.byte_length;
  region->page_count = static_cast<PageIndex>(
      (options.byte_length + options.page_bytes - 1) / options.page_bytes);
  region->read_ahead_pages_max = ReadAheadPagesMax(options);
  return region;
}

// Gives the region its place in the page buffer.
Status Enter(Region& region) {
  PageBuffer& buffer = *region.buffer;
  Status status = buffer.AddRegion(*region.mapper, region.page_bytes, &region.pool);
  if (!status.ok()) return status;
  // Pins that were granted before there were pages of this size.
  if (buffer.pinned_bytes.load() <= buffer.PinnableBytes()) return status;
  buffer.RemoveRegion();
  return Status::Fail(ENOMEM, "so much of the page buffer is pinned that a page of " +
                                  std::to_string(region.page_bytes) +
                                  " bytes may find no memory: release pins, or use another "
                                  "buffer or smaller pages");
}

// Where it fails nothing is left, and pages that were shared before are as they were.
Status MapAndEnter(const RegionOptions& options, Region& region) {
  const bool shares = region.mapper->mode() == FaultMode::kShared;
  if (shares && !options.shared) return Status::Fail(EINVAL, "there are no pages to share");
  Status status = shares ? TakePages(*options.shared, region)
                         : region.table.Create(region.page_count);
  if (!status.ok()) return status;
  region.stands_by = StandsBy(region);
  status = region.mapper->MapRegion(region);
  if (status.ok()) status = Enter(region);
  if (!status.ok()) {
    region.mapper->UnmapRegion(region);
    return status;
  }
  if (shares) AdoptPages(region, options.shared->states.get());
  return status;
}

// Nobody finds the region by an address any more.
void Forget(RegionMap& map, Region* region) {
  map.Remove(region);
  map.Quiesce();
}

void WaitUntilIdle(Region& region) {
  while (region.in_flight.load() > 0) nanosleep(&kPause, nullptr);
}

Status CloseNow(Pager& pager, const std::shared_ptr<Region>& region) {
  Region& closing = *region;
  // 1. Everything that was written is durable, or the region stays.
  if (closing.writable) {
    Status status = FlushPages(pager, closing, {0, closing.page_count});
    // A store that can never be made durable again is reported once, and then let go: the pages
    // that its kernel dropped cannot be written again from here.
    const bool final = !status.ok() && !status.retryable;
    if (!status.ok() && !(final && closing.close_refused)) {
      closing.close_refused = true;
      return status;
    }
  }
  // 2. What is under way ends, and no filler finds the region any more.
  WaitUntilIdle(closing);
  if (closing.memory.bytes() > 0) {
    Forget(pager.regions(), &closing);
    if (AnsweredOnThread(closing.mapper->mode())) Forget(Pager::TouchedRegions(), &closing);
    WaitUntilIdle(closing);
  }
  // 3. Its memory leaves the address space, its pages the books.
  UnpinAll(closing);
  ClaimPages(pager, closing);
  WaitUntilIdle(closing);
  const bool shared = closing.mapper->mode() == FaultMode::kShared;
  // The file may be somebody's still.
  if (shared && closing.page_count > 0) closing.pool->ReleaseMemory({0, closing.page_count});
  closing.mapper->UnmapRegion(closing);
  ForgetPages(closing);
  pager.Unpark();
  pager.RemoveBuffer(closing.buffer);
  closing.buffer->RemoveRegion();
  closing.store.reset();
  EngineState::Get().RemoveRegion(region);
  EngineState::Get().Release();
  return Status::Ok();
}

}  // namespace

Status OpenRegion(const RegionOptions& options, std::shared_ptr<Region>* region) {
  if (options.byte_length / options.page_bytes >= UINT32_MAX - 1) {
    return Status::Fail(EINVAL, "a region has at most 2^32 pages: use larger pages");
  }
  // What a fault handler may want is locked on the caller's thread.
  const SignalsBlocked blocked;
  std::shared_ptr<Pager> pager;
  Status status = EngineState::Get().Acquire(&pager);
  if (!status.ok()) return status;
  std::shared_ptr<Region> opened = Describe(options);
  opened->pager = pager.get();
  status = pager->ChooseMapper(options.faults, options.writable, &opened->mapper);
  if (status.ok()) status = MapAndEnter(options, *opened);
  if (!status.ok()) {
    EngineState::Get().Release();
    return status;
  }
  pager->AddBuffer(opened->buffer);
  if (opened->memory.bytes() > 0) {
    const auto begin = reinterpret_cast<uint64_t>(opened->memory.data());
    pager->regions().Insert(opened.get(), begin, opened->memory.bytes());
    if (AnsweredOnThread(opened->mapper->mode())) {
      Pager::TouchedRegions().Insert(opened.get(), begin, opened->memory.bytes());
    }
  }
  EngineState::Get().AddRegion(opened);
  *region = std::move(opened);
  return Status::Ok();
}

void Close(const std::shared_ptr<Region>& region, Callback done) {
  const Status status = EngineState::Get().jobs().Run([region, done] {
    done(CloseNow(EngineState::Get().pager(), region));
  });
  if (!status.ok()) done(status);
}

}  // namespace umap
