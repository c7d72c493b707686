// Discard and drop: pages leave without being written. See range_operations.h.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/range_operations.h"
#include "os/unique_fd.h"
#include "page/test_points.h"

namespace umap {
namespace {

// Pages that are held back from faults at a time while the store makes its hole.
constexpr PageIndex kPagesAtOnce = 1024;
constexpr uint64_t kZeroBytes = 1 << 20;

// Moves the page to kEvicting from whatever it is, waiting for whoever owns it.
PageWord ClaimAny(Pager& pager, Region& region, PageIndex page) {
  PageEntry& entry = region.table[page];
  for (;;) {
    PageWord word = entry.Load();
    switch (word.state()) {
      case PageState::kAbsent:
      case PageState::kFailed:
      case PageState::kClean:
      case PageState::kDirty:
        if (entry.Replace(&word, word.In(PageState::kEvicting))) return word;
        break;
      case PageState::kStandby: {
        SlotRuns frames;
        uint32_t read_ahead_pages = 0;
        if (region.buffer->TakeStandby(region, page, 1, &frames, &read_ahead_pages) == 0) break;
        region.buffer->PutFrames(*region.pool, frames);
        word = entry.MoveTo(PageState::kEvicting, kLasting | kWaiters);
        // Who asked while it was filling for a moment is woken with those who wait from now on.
        if (word.Has(kWanted | kWantedForWriting)) entry.SetFlag(kWaiters);
        return word.In(PageState::kAbsent);
      }
      default:
        pager.WaitForProgress(region, page, [word](PageWord now) {
          return now.state() != word.state();
        });
    }
  }
}

bool IsMapped(PageWord word) {
  return word.state() == PageState::kClean || word.state() == PageState::kDirty;
}

// Gives up the page's place in the books. REQUIRES: it is claimed; `was` says what, and its memory
// is gone.
void ForgetClaimed(Region& region, PageIndex page, PageWord was) {
  if (!IsMapped(was)) return;
  if (was.state() == PageState::kDirty) region.NoteClean(page);
  if (was.Has(kZero)) region.zero_pages.fetch_sub(1);
  region.buffer->Forget(region, page, !was.Has(kZero));
}

Status WriteZeros(Pager& pager, Region& region, uint64_t offset, uint64_t byte_length) {
  std::vector<uint8_t> zeros(std::min(byte_length, kZeroBytes));
  for (uint64_t done = 0; done < byte_length;) {
    const uint64_t bytes = std::min<uint64_t>(zeros.size(), byte_length - done);
    Status status =
        CallStore(pager, region, StoreOp::kWrite, offset + done, bytes, zeros.data());
    if (!status.ok()) return status;
    done += bytes;
  }
  return Status::Ok();
}

// Zeroes bytes of a region that this process has not mapped. What is pinned is dirty, and stays so.
Status ZeroSharedBytes(Pager& pager, Region& region, ByteRange range) {
  Status status = PinRange(pager, region, range, PinLimit::kExceeded);
  if (!status.ok()) return status;
  std::memset(region.BytesOf(0) + range.offset, 0, range.byte_length);
  UnpinRange(region, range);
  return status;
}

// Zeroes bytes of the mapping by a system call on pinned pages: it cannot raise SIGBUS, and is
// noticed as a write where system calls fault.
Status ZeroMappedBytes(Pager& pager, Region& region, uint64_t offset, uint64_t byte_length) {
  if (byte_length == 0) return Status::Ok();
  if (region.mapper->mode() == FaultMode::kShared) {
    return ZeroSharedBytes(pager, region, {offset, byte_length});
  }
  const UniqueFd zeros(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  if (!zeros) return SystemError(errno, "/dev/zero");
  const ByteRange range{offset, byte_length};
  // What the application has pinned must not make this fail.
  Status status = PinRange(pager, region, range, PinLimit::kExceeded);
  if (!status.ok()) return status;
  for (uint64_t done = 0; done < byte_length && status.ok();) {
    const ssize_t count =
        read(zeros.get(), region.memory.data() + offset + done, byte_length - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) status = SystemError(errno, "zeroing the end of a discarded range");
    done += count > 0 ? static_cast<uint64_t>(count) : 0;
  }
  UnpinRange(region, range);
  return status;
}

Status DiscardPages(Pager& pager, Region& region, PageRange range) {
  Status status;
  for (PageIndex first = range.first; first < range.end && status.ok();) {
    const PageIndex end = first + std::min(kPagesAtOnce, range.end - first);
    // 1. Nobody gets at the pages, and what was in them is gone.
    for (PageIndex page = first; page < end; page++) {
      const PageWord was = ClaimAny(pager, region, page);
      if (was.state() == PageState::kFailed) region.mapper->Unpoison(region, page, 1);
      if (IsMapped(was)) region.mapper->Release(region, page, 1);
      ForgetClaimed(region, page, was);
    }
    TestPoint("before-discard");
    // 2. The store forgets them.
    const uint64_t offset = region.StoreOffset(first);
    const uint64_t bytes = region.StoreBytes(first, end - first);
    status = region.store->traits().can_discard
                 ? CallStore(pager, region, StoreOp::kDiscard, offset, bytes, nullptr)
                 : WriteZeros(pager, region, offset, bytes);
    // 3. Whoever touches them now gets what the store says.
    for (PageIndex page = first; page < end; page++) {
      const PageWord before = region.table[page].MoveTo(PageState::kAbsent, kLasting);
      if (before.Has(kWaiters)) region.mapper->Wake(region, page);
    }
    region.NoteProgress();
    first = end;
  }
  pager.Unpark();
  return status;
}

}  // namespace

Status DiscardRange(Pager& pager, Region& region, ByteRange range) {
  const uint64_t mask = region.page_bytes - 1;
  const uint64_t end = range.offset + range.byte_length;
  const uint64_t inner_begin = std::min((range.offset + mask) & ~mask, end);
  // The region's last page is whole when the range reaches the region's end.
  const uint64_t inner_end = std::max(end == region.byte_length ? end : end & ~mask, inner_begin);
  Status status = ZeroMappedBytes(pager, region, range.offset, inner_begin - range.offset);
  if (status.ok()) status = ZeroMappedBytes(pager, region, inner_end, end - inner_end);
  if (!status.ok() || inner_end == inner_begin) return status;
  return DiscardPages(pager, region, PagesOf(region, {inner_begin, inner_end - inner_begin}));
}

void ClaimPages(Pager& pager, Region& region) {
  region.table.ForEachResident(0, region.page_count, [&](PageIndex page) {
    const PageState state = region.table[page].Load().state();
    if (state == PageState::kAbsent || state == PageState::kFailed) return;
    const PageWord was = ClaimAny(pager, region, page);
    if (was.state() == PageState::kDirty) region.NoteClean(page);
    if (!IsMapped(was)) region.table[page].MoveTo(PageState::kAbsent, kLasting);
  });
}

void ForgetPages(Region& region) {
  region.table.ForEachResident(0, region.page_count, [&](PageIndex page) {
    const PageWord word = region.table[page].Load();
    if (word.state() != PageState::kEvicting) return;
    ForgetClaimed(region, page, word.In(PageState::kClean));
    region.table[page].MoveTo(PageState::kAbsent, kLasting);
  });
}

}  // namespace umap
