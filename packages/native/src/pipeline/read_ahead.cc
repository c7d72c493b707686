// See read_ahead.h.
#include "pipeline/read_ahead.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <vector>

#include "page/region.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// Faults in a row before anything is guessed.
constexpr uint32_t kStreakMin = 2;
constexpr uint64_t kWindowBytesMin = 128 << 10;
// A store that queues its calls is far away: there a larger request takes hardly longer.
constexpr uint64_t kFarWindowBytesMin = 512 << 10;
// Its windows are asked for in so many pieces, none smaller than this, so that the first pages do
// not wait for the last ones.
constexpr uint64_t kFarPieces = 8;
constexpr uint64_t kFarPieceBytesMin = 1 << 20;
constexpr PageIndex kStrideWindowMax = 64;
// A device answers in order: beside a long window every other read of it waits for the end. Larger
// windows are for those who have it to themselves.
constexpr uint64_t kSharedWindowBytesMax = 1 << 20;
// A thread that comes back this near to where it was may be walking with a stride.
constexpr int64_t kStrideMax = 4096;
// Shares of the budget: what a window may always have, and what standby takes.
constexpr uint64_t kWindowPercent = 7;
constexpr uint64_t kStandbyPercent = 5;
// A stream that is silent while others fault so often leaves its share to them.
constexpr uint64_t kSilentFaultsMax = 1024;

bool IsFar(const Region& region) { return region.store && !region.store->traits().blocking; }

// The most pages that one call of a window reads; for a store that is far away a power of two, at
// whose multiples the calls begin, as what it stores in pieces does.
PageIndex RunPagesMax(const Region& region, uint64_t window_bytes) {
  uint64_t bytes = region.store->traits().call_bytes_max;
  if (IsFar(region)) {
    bytes = std::bit_floor(std::min(bytes, std::max(kFarPieceBytesMin, window_bytes / kFarPieces)));
  }
  return static_cast<PageIndex>(std::max<uint64_t>(1, bytes / region.page_bytes));
}

}  // namespace

ReadAhead::Stream* ReadAhead::Match(Region& region, PageIndex page, uint64_t thread) {
  Stream* oldest = &streams_[0];
  Stream* nearest = nullptr;
  int64_t nearest_distance = kStrideMax + 1;
  for (Stream& stream : streams_) {
    if (stream.used < oldest->used) oldest = &stream;
    if (stream.region_number != region.number || stream.thread != thread) continue;
    const int64_t step = int64_t{page} - stream.last;
    // 1. As predicted: the next page, one inside the window, or the next of a stride.
    if (stream.streak > 0 && step == stream.stride) return &stream;
    if (stream.stride == 1 && step > 0 && page < stream.end) return &stream;
    if (std::abs(step) < nearest_distance && step != 0) {
      nearest = &stream;
      nearest_distance = std::abs(step);
    }
  }
  // 2. Near to one that predicts nothing yet: perhaps its second step.
  Stream* stream = nearest && nearest->streak < kStreakMin ? nearest : oldest;
  if (stream == nearest) {
    stream->stride = int64_t{page} - stream->last;
    stream->streak = 0;
    return stream;
  }
  // 3. A new stream.
  lone_faults_++;
  *stream = Stream();
  stream->region_number = region.number;
  stream->buffer = region.buffer.get();
  stream->thread = thread;
  stream->last = page;
  return stream;
}

// What pushes nothing out before it is used: see docs/decisions/0012. Probation holds what the
// protected pages and standby leave it, and a stream has two windows there: one that is read, and
// one that is being filled.
uint64_t ReadAhead::WindowBytesMax(const Region& region) const {
  const uint64_t budget = region.buffer->budget_bytes();
  uint64_t streams = 0;
  for (const Stream& stream : streams_) {
    const bool reads = stream.buffer == region.buffer.get() && stream.window > 0;
    if (reads && clock_ - stream.used <= kSilentFaultsMax) streams++;
  }
  const uint64_t kept = budget / 100 * kStandbyPercent + region.buffer->protected_bytes();
  const uint64_t probation = budget - std::min(kept, budget);
  const uint64_t share = probation / 8 * 3 / std::max<uint64_t>(1, streams);
  return std::max(share, budget / 100 * kWindowPercent);
}

void ReadAhead::Resize(Region& region, Stream* stream) {
  const bool far = IsFar(region);
  const PageIndex least = std::max<PageIndex>(
      1, static_cast<PageIndex>((far ? kFarWindowBytesMin : kWindowBytesMin) / region.page_bytes));
  uint64_t most = region.read_ahead_pages_max;
  if (far && most * region.page_bytes > region.buffer->budget_bytes() / 100 * kWindowPercent) {
    most = std::clamp<uint64_t>(WindowBytesMax(region) / region.page_bytes, 1, most);
  }
  const bool shares_device = lone_faults_ - stream->lone_faults > 1;
  stream->lone_faults = lone_faults_;
  if (!far && shares_device) {
    most = std::clamp<uint64_t>(kSharedWindowBytesMax / region.page_bytes, 1, most);
  }
  if (region.read_ahead_wasted.exchange(0) > stream->window / 2) {
    stream->window = std::max<PageIndex>(1, stream->window / 4);
  } else {
    stream->window = stream->window == 0 ? least : stream->window * (far ? 4 : 2);
  }
  stream->window = std::clamp<PageIndex>(stream->window, 1, static_cast<PageIndex>(most));
}

ReadAheadPlan ReadAhead::Sequential(Region& region, Stream* stream, PageIndex page) {
  ReadAheadPlan plan;
  if (page < stream->marker) {
    // It is on its way, and the window after it has begun.
    if (region.table[page].Load().state() == PageState::kFilling) return plan;
    // Read ahead in vain: it was taken away before its turn, or found no memory. The window is too
    // large; what is missing of it is asked for again.
    stream->window = std::max<PageIndex>(1, stream->window / 2);
    plan.fill_first = page + 1;
    plan.fill_count = static_cast<PageIndex>(
        std::min<int64_t>(stream->marker - plan.fill_first, stream->window));
    plan.parks_first = false;
    return plan;
  }
  if (page < stream->end) plan.used_count = stream->filled;
  Resize(region, stream);
  const int64_t first = std::max<int64_t>(stream->end, int64_t{page} + 1);
  const int64_t end = std::min<int64_t>(first + stream->window, region.page_count);
  stream->marker = first;
  stream->end = std::max(end, first);
  plan.fill_first = static_cast<PageIndex>(first);
  plan.fill_count = static_cast<PageIndex>(stream->end - first);
  plan.opens_window = true;
  return plan;
}

ReadAheadPlan ReadAhead::Strided(Region& region, Stream* stream, PageIndex page) {
  ReadAheadPlan plan;
  const int64_t stride = stream->stride;
  // Steps that are read ahead already.
  int64_t ahead = stream->end ? (stream->end - page) / stride : 0;
  if (ahead < 0) ahead = 0;
  if (ahead > stream->window / 2) return plan;
  Resize(region, stream);
  stream->window = std::min(stream->window, kStrideWindowMax);
  const int64_t first = page + stride * (ahead + 1);
  int64_t count = int64_t{stream->window} - ahead;
  const int64_t room = stride > 0 ? (int64_t{region.page_count} - 1 - first) / stride + 1
                                  : first / -stride + 1;
  if (first < 0 || first >= region.page_count) return plan;
  count = std::min(count, room);
  if (count <= 0) return plan;
  stream->end = first + stride * (count - 1);
  plan.fill_first = static_cast<PageIndex>(first);
  plan.fill_count = static_cast<PageIndex>(count);
  plan.stride = stride;
  return plan;
}

ReadAheadPlan ReadAhead::OnFault(Region& region, PageIndex page, uint64_t thread) {
  MutexLock lock(mutex_);
  Stream* stream = Match(region, page, thread);
  stream->used = ++clock_;
  if (stream->last == page && stream->streak == 0) return {};
  stream->streak++;
  stream->last = page;
  if (stream->streak < kStreakMin) return {};
  return stream->stride == 1 ? Sequential(region, stream, page)
                             : Strided(region, stream, page);
}

void ReadAhead::NoteFilled(const Region& region, const ReadAheadPlan& plan, PageIndex count) {
  MutexLock lock(mutex_);
  for (Stream& stream : streams_) {
    if (stream.region_number == region.number && stream.stride == 1 &&
        stream.marker == int64_t{plan.fill_first}) {
      stream.filled = count;
      return;
    }
  }
}

ReadAheadPlan Pager::PlanAhead(Region& region, PageIndex page, uint64_t thread) {
  if (region.read_ahead_pages_max == 0) return {};
  switch (region.table[page].Load().state()) {
    case PageState::kAbsent:
    case PageState::kStandby:
    case PageState::kFilling:
      return read_ahead_.OnFault(region, page, thread);
    default:
      return {};
  }
}

void Pager::FillAhead(Region& region, const ReadAheadPlan& plan) {
  region.counters.Add(Counter::kReadAheadUsedBytes, plan.used_count * region.page_bytes);
  const bool far = IsFar(region);
  const PageIndex run_max = RunPagesMax(region, plan.fill_count * region.page_bytes);
  PageIndex filled = 0;
  FillQueue fills;
  for (PageIndex i = 0; i < plan.fill_count;) {
    const auto page = static_cast<PageIndex>(plan.fill_first + plan.stride * int64_t{i});
    const bool parks = plan.stride != 1 || (i == 0 && plan.parks_first);
    const PageIndex run = far ? run_max - page % run_max : run_max;
    PageIndex count = parks ? 1 : std::min(run, plan.fill_count - i);
    const FillCause cause = parks ? FillCause::kReadAhead : FillCause::kWindow;
    Fill* const fill = ClaimAhead(region, page, &count, cause);
    if (fill) fills.Push(fill);
    // A page that is parked counts as used when it is taken from standby.
    if (fill && !parks) filled += count;
    i += count;
  }
  // All at once, so that a store that joins neighbouring calls has them together; not by a signal
  // handler, which cannot call a store in words.
  while (!fills.empty()) {
    Fill* const fill = fills.Pop();
    if (far && !AnsweredOnThread(region.mapper->mode())) {
      StartFill(fill);
    } else {
      Post(fill);
    }
  }
  if (plan.opens_window) read_ahead_.NoteFilled(region, plan, filled);
}

// Claims what is absent from `page` on, up to `*count`, which becomes how far it got. Null: it was
// not absent.
Fill* Pager::ClaimAhead(Region& region, PageIndex page, PageIndex* count, FillCause cause) {
  Fill* fill = nullptr;
  if (region.table[page].Load().state() == PageState::kAbsent) {
    fill = ClaimFill(region, page, *count, cause);
  }
  *count = fill ? fill->count : 1;
  if (fill && IsFar(region) && !AnsweredOnThread(region.mapper->mode())) TakeMemoryFor(fill);
  return fill;
}

}  // namespace umap
