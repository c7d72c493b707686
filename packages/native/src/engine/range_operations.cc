// See range_operations.h. Here: prefault, write-back, flush and evict; discard.cc has the rest.
#include "engine/range_operations.h"

#include <algorithm>

#include "page/test_points.h"
#include "store/waited_call.h"

namespace umap {

bool IsMoving(PageWord word) {
  return word.state() == PageState::kDirtying || word.state() == PageState::kWritingBack;
}

namespace {

// Fills under way for one prefault.
constexpr uint32_t kPrefaultDepth = 16;

// Waits until the page's owner has moved it on from where it is.
void WaitWhileFillingOrEvicting(Pager& pager, Region& region, PageIndex page) {
  pager.WaitForProgress(region, page, [](PageWord word) {
    return word.state() != PageState::kFilling && word.state() != PageState::kEvicting;
  });
}

// Starts filling at `page`; returns the first page behind what was started or found resident.
PageIndex PrefaultFrom(Pager& pager, Region& region, PageIndex page, PageIndex count_max,
                       const std::shared_ptr<Batch>& batch) {
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();; word = entry.Load()) {
    switch (word.state()) {
      case PageState::kAbsent:
      case PageState::kStandby:
      case PageState::kFailed: {
        const bool heal = word.state() == PageState::kFailed;
        Fill* fill = pager.ClaimFill(region, page, count_max, FillCause::kPrefault, heal);
        if (!fill) break;
        const PageIndex behind = page + fill->count;
        fill->batch = batch;
        batch->Add();
        if (!pager.StartFill(fill)) pager.Post(fill);
        return behind;
      }
      case PageState::kFilling:
        // Read-ahead must not leave it on standby.
        if (!word.Has(kWanted) && !entry.Replace(&word, word.With(kWanted))) break;
        WaitWhileFillingOrEvicting(pager, region, page);
        break;
      case PageState::kEvicting:
        WaitWhileFillingOrEvicting(pager, region, page);
        break;
      default:
        return page + 1;
    }
    if (batch->failed()) return page + 1;
  }
}

}  // namespace

PageRange PagesOf(const Region& region, ByteRange range) {
  const uint64_t end = range.offset + range.byte_length;
  if (range.byte_length == 0) return {0, 0};
  return {static_cast<PageIndex>(range.offset / region.page_bytes),
          static_cast<PageIndex>((end + region.page_bytes - 1) / region.page_bytes)};
}

Status CallStore(Pager& pager, Region& region, StoreOp op, uint64_t offset, uint64_t byte_length,
                 void* memory) {
  const WatchedCalls::Announcement call(pager.watched_calls(), region, op, offset, byte_length);
  return RunStoreCall(*region.store, op, offset, byte_length, memory);
}

Status PrefaultPages(Pager& pager, Region& region, const std::vector<ByteRange>& ranges) {
  const auto batch = std::make_shared<Batch>();
  const uint64_t call_bytes = std::min(region.store->traits().call_bytes_max,
                                       region.buffer->budget_bytes() / 8);
  const auto count_max = static_cast<PageIndex>(
      std::max<uint64_t>(1, call_bytes / region.page_bytes));
  for (const ByteRange& range : ranges) {
    const PageRange pages = PagesOf(region, range);
    for (PageIndex page = pages.first; page < pages.end;) {
      const PageIndex count = std::min(count_max, pages.end - page);
      page = PrefaultFrom(pager, region, page, count, batch);
      batch->WaitUntilAtMost(kPrefaultDepth);
    }
  }
  return batch->Wait();
}

Status WriteBackPages(Pager& pager, Region& region, PageRange range) {
  if (region.write_backs_held.load()) {
    pager.WaitForProgress(region, 0, [&](PageWord) { return !region.write_backs_held.load(); });
  }
  const auto batch = std::make_shared<Batch>();
  const uint32_t depth = region.store->traits().concurrency_max;
  std::vector<PageIndex> moving;
  PageIndex started = range.first;
  // 1. What is dirty is written now; what somebody is working on is looked at again.
  region.table.ForEachDirty(range.first, range.end, [&](PageIndex page) {
    if (page < started) return;
    const PageIndex count = pager.StartWriteBack(region, page, page, range.end, false, batch);
    if (count > 0) {
      started = page + count;
      batch->WaitUntilAtMost(depth);
    } else if (IsMoving(region.table[page].Load())) {
      moving.push_back(page);
    }
  });
  // 2. A write-back that was under way may have begun before the last write.
  for (const PageIndex page : moving) {
    for (;;) {
      pager.WaitForProgress(region, page, [](PageWord word) { return !IsMoving(word); });
      if (region.table[page].Load().state() != PageState::kDirty) break;
      if (pager.StartWriteBack(region, page, page, page + 1, false, batch) > 0) break;
    }
  }
  return batch->Wait();
}

Status FlushPages(Pager& pager, Region& region, PageRange range) {
  Status status = WriteBackPages(pager, region, range);
  if (!status.ok()) return status;
  return CallStore(pager, region, StoreOp::kFlush, 0, 0, nullptr);
}

Status EvictPages(Pager& pager, Region& region, PageRange range) {
  Status status;
  if (region.writable) status = WriteBackPages(pager, region, range);
  Victims victims;
  region.table.ForEachResident(range.first, range.end, [&](PageIndex page) {
    Victim victim;
    SlotRuns frames;
    uint32_t read_ahead_pages = 0;
    if (region.buffer->ClaimVictim(region, page, &victim)) {
      victims.push_back(victim);
    } else if (region.buffer->TakeStandby(region, page, 1, &frames, &read_ahead_pages) == 1) {
      TestPoint("before-abandon");
      // Before the page can be claimed again: the frame may be its place.
      region.buffer->PutFrames(*region.pool, frames);
      pager.AbandonFill(region, page);
    }
  });
  pager.EvictVictims(std::move(victims), false);
  pager.Unpark();
  return status;
}

}  // namespace umap
