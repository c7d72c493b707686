// Write-back: protect a run of dirty pages, hand it to the store, and call clean what was accepted
// and not written again. Runs on evictors and on the threads that flush; ends on whichever thread
// the store answers. The bytes are read where the application sees them; the pages are present.
#include "pipeline/write_back.h"

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "os/clock.h"
#include "os/log.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// After a refusal the store is left alone: 50 ms, doubled up to 3.2 s.
constexpr int64_t kFirstPauseNs = 50'000'000;
constexpr uint32_t kPauseDoublingsMax = 6;

bool ClaimDirty(Region& region, PageIndex page) {
  PageWord word = region.table[page].Load();
  while (word.state() == PageState::kDirty) {
    if (region.table[page].Replace(&word, word.In(PageState::kWritingBack))) return true;
  }
  return false;
}

}  // namespace

void WriteBack::Done(StoreResult result) { pager.FinishWriteBack(this, std::move(result)); }

PageIndex Pager::StartWriteBack(Region& region, PageIndex page, PageIndex low, PageIndex high,
                                bool then_evict, const std::shared_ptr<Batch>& batch) {
  if (region.write_backs_held.load()) return 0;
  // 1. Claim the page, and its dirty neighbours up to what one call should carry.
  if (!ClaimDirty(region, page)) return 0;
  const auto count_max = static_cast<PageIndex>(
      std::max<uint64_t>(1, region.store->traits().call_bytes_max / region.page_bytes));
  PageIndex first = page;
  PageIndex end = page + 1;
  while (end < high && end - first < count_max && ClaimDirty(region, end)) end++;
  while (first > low && end - first < count_max && ClaimDirty(region, first - 1)) first--;
  // 2. From here on a write faults, and is noticed.
  const PageIndex count = end - first;
  region.in_flight.fetch_add(1);
  if (then_evict) region.buffer->leaving_bytes.fetch_add(count * region.page_bytes);
  TestPoint("before-write-back");
  ProtectRun(region, first, count);
  // 3. The store reads the pages, and answers in FinishWriteBack.
  auto* write_back = new WriteBack(*this, region, first, count);
  write_back->then_evict = then_evict;
  write_back->batch = batch;
  if (batch) batch->Add();
  write_back->op = StoreOp::kWrite;
  write_back->offset = region.StoreOffset(first);
  write_back->byte_length = region.StoreBytes(first, count);
  write_back->iovecs.push_back({region.BytesOf(first), write_back->byte_length});
  if (!region.store->traits().blocking) {
    region.store->Submit(write_back);
    return count;
  }
  const WatchedCalls::Announcement call(watched_calls_, region, StoreOp::kWrite,
                                        write_back->offset, write_back->byte_length);
  region.store->Submit(write_back);
  return count;
}

// A pinned page may be written without a fault, by a device or a system call, so it counts as
// written again, whether or not the pin outlives the write-back. Where system calls cannot fault
// they must find it open.
void Pager::ProtectRun(Region& region, PageIndex first, PageIndex count) {
  const bool any_pinned = region.pinned_pages.load() > 0;
  const bool some_stay_open = any_pinned && !ServesSystemCalls(region.mapper->mode());
  if (!some_stay_open) region.mapper->Protect(region, first, count);
  PageIndex closed_from = first;
  const PageIndex end = first + count;
  for (PageIndex page = first; any_pinned && page < end; page++) {
    if (!region.table[page].Load().Has(kPinned)) continue;
    region.table[page].SetFlag(kRewritten);
    if (some_stay_open && page > closed_from) {
      region.mapper->Protect(region, closed_from, page - closed_from);
    }
    closed_from = page + 1;
  }
  if (some_stay_open && end > closed_from) {
    region.mapper->Protect(region, closed_from, end - closed_from);
  }
}

void Pager::SettleWrittenPage(Region& region, PageIndex page, bool accepted) {
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();;) {
    CHECK(word.state() == PageState::kWritingBack);
    const PageWord kept(word.bits() & kLasting);
    // A pinned page is never called clean.
    const bool dirty = !accepted || word.Has(kRewritten | kPinned);
    PageState next = dirty ? PageState::kDirty : PageState::kClean;
    // A fault is lifting the protection at this moment: it makes the page dirty when it is done.
    if (word.Has(kRewriting)) next = PageState::kDirtying;
    if (!entry.Replace(&word, kept.In(next))) continue;
    if (next != PageState::kClean) return;
    region.NoteClean(page);
    return;
  }
}

void Pager::FinishWriteBack(WriteBack* write_back, StoreResult result) {
  Region& region = write_back->region;
  const PageIndex first = write_back->first;
  const PageIndex end = first + write_back->count;
  const bool accepted = result.status.ok();
  TestPoint("before-finish-write-back");
  // 1. The pages are clean now, or still dirty.
  for (PageIndex page = first; page < end; page++) SettleWrittenPage(region, page, accepted);
  region.NoteProgress();
  if (accepted) {
    region.write_backs_refused.store(0);
    region.counters.Add(Counter::kWriteBacks, write_back->count);
    region.counters.Add(Counter::kWriteBackBytes, write_back->byte_length);
  } else {
    NoteRefused(*write_back, result.status);
  }
  TestPoint("after-write-back");
  // 2. Evict what was written for that.
  if (write_back->then_evict) {
    region.buffer->leaving_bytes.fetch_sub(write_back->count * region.page_bytes);
    Victims victims;
    Victim victim;
    for (PageIndex page = first; page < end && accepted; page++) {
      if (region.buffer->ClaimVictim(region, page, &victim)) victims.push_back(victim);
    }
    EvictVictims(std::move(victims), true);
    Unpark();
  }
  if (write_back->batch) write_back->batch->Done(std::move(result.status));
  delete write_back;
  region.in_flight.fetch_sub(1);
}

void Pager::NoteRefused(const WriteBack& write_back, const Status& status) {
  Region& region = write_back.region;
  const uint32_t refused = region.write_backs_refused.fetch_add(1);
  const int64_t pause_ns = kFirstPauseNs << std::min(refused, kPauseDoublingsMax);
  region.write_back_not_before_ns.store(NowNs() + pause_ns);
  region.counters.Add(Counter::kStoreErrors);
  // The first of a row, then as often as the pause is at its longest.
  if (refused % 16 == 0) {
    Log(LogLevel::kError, "cannot write " + region.store->label() + " at " +
                              std::to_string(write_back.offset) + ": " + status.message +
                              "; the pages stay in memory and are tried again");
  }
  Publish(region, {EventKind::kWriteBackError, status,
                   uint64_t{write_back.first} * region.page_bytes, write_back.byte_length, 0});
}

}  // namespace umap
