// Fill: claim pages, find memory for them, ask the store, hand the bytes to map. Runs on fillers,
// on the threads that prefault, and, to finish, on whichever thread the store answers.
#include "pipeline/fill.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "os/check.h"
#include "os/clock.h"
#include "os/log.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// A read that may succeed when it is repeated is repeated after 10, 40, 160 and 640 ms.
constexpr uint32_t kAttemptsMax = 5;
// A fill that was refused memory so often claims what comes free, lest smaller ones always take it.
constexpr uint32_t kRefusalsMax = 8;
constexpr std::chrono::milliseconds kFirstDelay{10};

// Pages that are copied in need memory beside their frames; pages that are moved in are frames, and
// pages that go to standby stay in them.
uint64_t BytesBesideFrames(const Fill& fill) {
  const bool frames_stay = fill.moves || fill.cause == FillCause::kReadAhead;
  return frames_stay ? 0 : fill.count * fill.region.page_bytes;
}

// Larger pages are moved always: copying one costs more than a fresh huge page.
constexpr uint64_t kCopyPageBytesMax = 64 << 10;

}  // namespace

void Fill::Done(StoreResult result) { pager.FinishFill(this, std::move(result)); }

Fill* Pager::ClaimFill(Region& region, PageIndex page, PageIndex count_max, FillCause cause,
                       bool heal) {
  PageWord word = region.table[page].Load();
  if (word.state() == PageState::kStandby) return ClaimStandby(region, page, count_max, cause);
  const PageState from = heal ? PageState::kFailed : PageState::kAbsent;
  if (word.state() != from) return nullptr;
  // 1. This page and the neighbours that are in the same state.
  PageIndex count = 0;
  while (count < count_max && page + count < region.page_count) {
    PageEntry& entry = region.table[page + count];
    PageWord neighbour = entry.Load();
    if (neighbour.state() != from) break;
    if (!entry.Replace(&neighbour, neighbour.In(PageState::kFilling))) continue;
    count++;
  }
  if (count == 0) return nullptr;
  // 2. The fill that owns them.
  auto* fill = new Fill(*this, region, page, count, cause);
  fill->heals = heal;
  fill->started_ns = NowNs();
  region.in_flight.fetch_add(1);
  return fill;
}

Fill* Pager::ClaimStandby(Region& region, PageIndex page, PageIndex count_max, FillCause cause) {
  SlotRuns frames;
  uint32_t read_ahead_pages = 0;
  const PageIndex count =
      region.buffer->TakeStandby(region, page, count_max, &frames, &read_ahead_pages);
  if (count == 0) return nullptr;
  auto* fill = new Fill(*this, region, page, count, cause);
  fill->frames = std::move(frames);
  fill->filled = true;
  fill->started_ns = NowNs();
  region.in_flight.fetch_add(1);
  region.counters.Add(Counter::kReadAheadUsedBytes, read_ahead_pages * region.page_bytes);
  if (cause == FillCause::kFault) region.counters.Add(Counter::kStandbyHits);
  return fill;
}

bool Pager::MovesIn(const Fill& fill) const {
  const Region& region = fill.region;
  if (region.pool->placed()) return true;
  // 1. A page that is moved in arrives writable. So it must be a page that nobody writes back, or
  // one that is about to be written: for a read fault in a writable region it is copied, protected.
  if (!region.mapper->moves() || (region.writable && !fill.for_write)) return false;
  // Nor is a single page whose memory is not to come back as a frame.
  if (!region.stands_by && fill.count == 1) return false;
  // 2. While the buffer fills up there are no used frames to move. Reading into one frame again and
  // again, and copying, costs less than a fresh frame each time.
  const uint64_t bytes = fill.count * region.page_bytes;
  const bool fresh = !fill.filled && region.page_bytes <= kCopyPageBytesMax &&
                     region.buffer->FreshBytes() >= 2 * bytes;
  return !fresh;
}

bool Pager::TakeMemoryFor(Fill* fill) {
  if (fill->has_memory) return true;
  Region& region = fill->region;
  fill->moves = MovesIn(*fill);
  // Frames that have their places are only memory: there is nothing to choose.
  const bool placed = region.pool->placed();
  const bool takes_place = placed && !fill->filled;
  const uint64_t extra_bytes =
      takes_place ? fill->count * region.page_bytes : BytesBesideFrames(*fill);
  const uint32_t frame_count = placed || fill->filled ? 0 : fill->count;
  const uint64_t need_bytes = frame_count * region.page_bytes + extra_bytes;
  for (bool evicted = false;; evicted = true) {
    Garbage garbage;
    if (fill->in_handler) garbage.pieces_max = kPiecesInline;
    fill->has_memory = need_bytes == 0 ||
                       region.buffer->TakeMemory(fill, *region.pool, frame_count, extra_bytes,
                                                 &fill->frames, &garbage);
    region.buffer->ReleaseGarbage(&garbage);
    if (fill->has_memory) {
      if (takes_place) fill->frames.push_back({fill->first, fill->count});
      if (fill->waits) EndWait(fill);
      return true;
    }
    const uint64_t victims_max = fill->in_handler ? kPiecesInline : UINT64_MAX;
    if (!evicted && EvictNow(*region.buffer, need_bytes, victims_max) > 0) continue;
    if (++fill->refusals >= kRefusalsMax) region.buffer->Claim(fill, need_bytes);
    return false;
  }
}

bool Pager::StartFill(Fill* fill) {
  // 1. Memory first: a fill that has none waits for the evictors, unless it is only a guess.
  if (!TakeMemoryFor(fill)) {
    if (IsGuess(fill->cause)) {
      EndFill(fill, Status::Fail(ENOMEM, "no memory for read-ahead"));
    } else {
      Park(fill);
    }
    return true;
  }
  // 2. What is there already, or can be had without waiting.
  StoreResult result;
  if (fill->filled || ReadAtOnce(fill, MayWait::kNo, &result)) {
    FinishFill(fill, std::move(result));
    return true;
  }
  // 3. The store.
  if (fill->region.store->traits().blocking) return false;
  SubmitFill(fill);
  return true;
}

void Pager::RunFill(Fill* fill) {
  if (!StartFill(fill)) SubmitFill(fill);
}

bool Pager::ReadAtOnce(Fill* fill, MayWait may_wait, StoreResult* result) {
  Region& region = fill->region;
  TestPoint("before-fill");
  if (fill->frames.size() != 1 || fill->attempts > 0) return false;
  const TryReadOutcome outcome =
      region.store->TryRead(region.StoreOffset(fill->first),
                            region.pool->AddressOf(fill->frames[0].first),
                            region.StoreBytes(fill->first, fill->count), may_wait);
  result->hole = outcome == TryReadOutcome::kHole;
  return outcome != TryReadOutcome::kWouldBlock;
}

void Pager::SubmitFill(Fill* fill) {
  Region& region = fill->region;
  fill->op = StoreOp::kRead;
  fill->offset = region.StoreOffset(fill->first);
  fill->byte_length = region.StoreBytes(fill->first, fill->count);
  fill->iovecs.clear();
  fill->attempts++;
  uint64_t left = fill->byte_length;
  for (const SlotRun& run : fill->frames) {
    const uint64_t bytes = std::min(left, run.count * region.page_bytes);
    fill->iovecs.push_back({region.pool->AddressOf(run.first), bytes});
    left -= bytes;
  }
  CHECK(left == 0);
  region.store->Submit(fill);
}

void Pager::FinishFill(Fill* fill, StoreResult result) {
  Region& region = fill->region;
  if (!result.status.ok()) {
    HandleFillError(fill, result.status);
    return;
  }
  const uint64_t bytes = region.StoreBytes(fill->first, fill->count);
  const bool maps_zeros = result.hole && !region.writable && region.mapper->has_zero_page() &&
                          fill->cause != FillCause::kReadAhead;
  if (!fill->filled) {
    region.counters.Add(Counter::kFills, fill->count);
    region.counters.Add(Counter::kFillBytes, bytes);
    region.counters.AddFillLatency(NowNs() - fill->started_ns);
    if (IsGuess(fill->cause)) region.counters.Add(Counter::kReadAheadBytes, bytes);
    // Zeros where the store has nothing: a hole, and behind the end of the store.
    uint64_t offset = 0;
    const uint64_t valid = result.hole ? 0 : bytes;
    for (const SlotRun& run : fill->frames) {
      const uint64_t run_bytes = run.count * region.page_bytes;
      const uint64_t keep = offset < valid ? std::min(valid - offset, run_bytes) : 0;
      if (keep < run_bytes && !maps_zeros) {
        std::memset(region.pool->AddressOf(run.first) + keep, 0, run_bytes - keep);
      }
      offset += run_bytes;
    }
    fill->filled = true;
  }
  TestPoint("before-map");
  if (fill->cause == FillCause::kReadAhead) {
    Stage(fill);
  } else {
    Map(fill, maps_zeros);
  }
}

void Pager::HandleFillError(Fill* fill, const Status& status) {
  Region& region = fill->region;
  region.counters.Add(Counter::kStoreErrors);
  // 1. A guess that failed is nobody's trouble; who asked meanwhile asks again.
  if (IsGuess(fill->cause)) {
    EndFill(fill, status);
    return;
  }
  // 2. Try again, later each time. The frames are kept.
  if (status.retryable && fill->attempts < kAttemptsMax) {
    const auto delay = kFirstDelay * (1 << (2 * (fill->attempts - 1)));
    RunLater(delay, [this, fill] { Post(fill); });
    return;
  }
  // 3. One bad page must not take its neighbours with it.
  if (fill->count > 1) {
    SplitFill(fill);
    return;
  }
  FailFill(fill, status);
}

void Pager::SplitFill(Fill* fill) {
  Region& region = fill->region;
  std::vector<Fill*> pieces;
  PageIndex page = fill->first;
  for (const SlotRun& run : fill->frames) {
    for (SlotIndex slot = run.first; slot < run.first + run.count; slot++, page++) {
      auto* piece = new Fill(*this, region, page, 1, fill->cause);
      piece->frames.push_back({slot, 1});
      piece->has_memory = true;
      piece->moves = fill->moves;
      piece->heals = fill->heals;
      piece->attempts = kAttemptsMax - 1;
      piece->started_ns = fill->started_ns;
      piece->batch = fill->batch;
      if (piece->batch) piece->batch->Add();
      region.in_flight.fetch_add(1);
      pieces.push_back(piece);
    }
  }
  if (fill->batch) fill->batch->Done(Status::Ok());
  region.in_flight.fetch_sub(1);
  delete fill;
  for (Fill* piece : pieces) Post(piece);
}

void Pager::FailFill(Fill* fill, const Status& status) {
  Region& region = fill->region;
  PageEntry& entry = region.table[fill->first];
  GiveMemoryBack(fill);
  // 1. Nobody touches the page yet: it may be tried again by whoever does.
  PageWord word = entry.Load();
  constexpr uint32_t kAsked = kWanted | kWantedForWriting;
  while (fill->cause == FillCause::kPrefault && !fill->heals && !word.Has(kAsked)) {
    const PageWord absent = PageWord(word.bits() & kLasting).In(PageState::kAbsent);
    if (!entry.Replace(&word, absent)) continue;
    EndFill(fill, status);
    return;
  }
  // 2. A thread waits. It must see an error, never zeros: SIGBUS, or EFAULT in a system call.
  const uint64_t offset = uint64_t{fill->first} * region.page_bytes;
  Log(LogLevel::kError, "cannot read " + region.store->label() + " at " +
                            std::to_string(region.StoreOffset(fill->first)) + ": " +
                            status.message + "; touching offset " + std::to_string(offset) +
                            " of the region raises SIGBUS until prefault() succeeds");
  if (!fill->heals) region.mapper->Poison(region, fill->first, status);
  entry.MoveTo(PageState::kFailed, kLasting);
  Publish(region, {EventKind::kFillError, status, offset, region.page_bytes, 0});
  EndFill(fill, status);
}

void Pager::AbandonFill(Region& region, PageIndex page) {
  const PageWord before = region.table[page].MoveTo(PageState::kAbsent, kLasting);
  if (before.Has(kWanted | kWantedForWriting)) region.mapper->Wake(region, page);
  region.NoteProgress();
}

// REQUIRES: its pages are filling still. A frame may be the place of the page itself, where whoever
// claims the page next would lose what he filled.
void Pager::GiveMemoryBack(Fill* fill) {
  Region& region = fill->region;
  if (!fill->frames.empty()) region.buffer->PutFrames(*region.pool, fill->frames);
  fill->frames.clear();
  if (fill->has_memory) region.buffer->ReturnMemory(BytesBesideFrames(*fill));
  fill->has_memory = false;
}

void Pager::EndFill(Fill* fill, Status status) {
  Region& region = fill->region;
  // Pages that still are filling end without an answer.
  if (!status.ok()) {
    GiveMemoryBack(fill);
    for (PageIndex page = fill->first; page < fill->first + fill->count; page++) {
      if (IsGuess(fill->cause)) AbandonFill(region, page);
    }
  } else if (fill->cause == FillCause::kFault) {
    region.counters.AddFaultLatency(NowNs() - fill->started_ns);
  }
  region.mapper->Admit(region, fill->first, fill->count);
  if (fill->batch) fill->batch->Done(std::move(status));
  region.NoteProgress();
  delete fill;
  // The last use of the region: Close may free it from here on.
  region.in_flight.fetch_sub(1);
}

void Pager::Park(Fill* fill) {
  // 1. Who waits holds no memory: else those who wait could hold all of it among them.
  if (fill->filled) {
    fill->region.buffer->PutFrames(*fill->region.pool, fill->frames);
    fill->frames.clear();
    fill->filled = false;
  }
  // 2. The evictors look at it again and again by themselves: they are woken once.
  const bool first_time = !fill->waits;
  fill->waits = true;
  if (first_time) fill->region.buffer->waiting_fills.fetch_add(1);
  {
    MutexLock lock(parked_mutex_);
    if (first_time) {
      fill->waits_since_ns = NowNs();
      fill->waits_before = waiting_last_;
      fill->waits_after = nullptr;
      (waiting_last_ ? waiting_last_->waits_after : waiting_first_) = fill;
      waiting_last_ = fill;
      waiting_count_.fetch_add(1);
    }
    parked_.Push(fill);
    parked_any_.store(true);
  }
  // From here on the fill may be another thread's.
  if (first_time) WakeEvictors();
}

void Pager::EndWait(Fill* fill) {
  fill->waits = false;
  fill->region.buffer->waiting_fills.fetch_sub(1);
  {
    MutexLock lock(parked_mutex_);
    (fill->waits_before ? fill->waits_before->waits_after : waiting_first_) = fill->waits_after;
    (fill->waits_after ? fill->waits_after->waits_before : waiting_last_) = fill->waits_before;
    waiting_count_.fetch_sub(1);
  }
  // Those whom its claim held back.
  if (fill->refusals >= kRefusalsMax) Unpark();
}

// How long the fill has waited for memory that waits longest; 0 when none does.
int64_t Pager::OldestWaitNs() {
  MutexLock lock(parked_mutex_);
  return waiting_first_ ? NowNs() - waiting_first_->waits_since_ns : 0;
}

FillQueue Pager::TakeParked() {
  MutexLock lock(parked_mutex_);
  parked_any_.store(false);
  return std::move(parked_);
}

void Pager::Unpark() {
  if (!parked_any_.load()) return;
  FillQueue fills = TakeParked();
  while (!fills.empty()) Post(fills.Pop());
}

}  // namespace umap
