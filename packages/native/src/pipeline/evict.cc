// Evict: take clean pages out of the mapping, atomically and in runs, onto standby or out of
// memory. Runs on evictors, which keep the buffer between its watermarks; on fillers that find no
// memory; and where a write-back for eviction ended. It must never drop a page that is newer than
// the store.
#include <sched.h>

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "os/clock.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// A pass takes this much at most, so that memory comes free early.
constexpr uint64_t kPassBytesMax = 4 << 20;
// How long an evictor that cannot make progress waits before it looks again.
constexpr std::chrono::milliseconds kRetryPauseMin{5};
constexpr std::chrono::milliseconds kRetryPauseMax{160};
constexpr int kMoveAttemptsMax = 16;
// A fill that has waited for memory so long is not helped by what is being written back.
constexpr int64_t kStarvingNs = 1'000'000'000;

bool InOrder(const Victim& a, const Victim& b) {
  return a.region != b.region ? a.region < b.region : a.page < b.page;
}

// Whether `b` can be moved in the same call as `a`.
bool Continues(const Victim& a, const Victim& b) {
  return a.region == b.region && a.page + 1 == b.page && b.slot != kNoSlot &&
         a.slot + 1 == b.slot;
}

// Whether `b` can be dropped in the same call as `a`.
bool IsDroppedWith(const Victim& a, const Victim& b) {
  return a.region == b.region && b.slot == kNoSlot;
}

}  // namespace

void Pager::WakeEvictors() {
  MutexLock lock(evictor_mutex_);
  evictor_calls_++;
  evictor_wanted_.NotifyOne();
}

void Pager::AddBuffer(const std::shared_ptr<PageBuffer>& buffer) {
  MutexLock lock(evictor_mutex_);
  auto& [kept, uses] = buffers_[buffer.get()];
  kept = buffer;
  uses++;
}

void Pager::RemoveBuffer(const std::shared_ptr<PageBuffer>& buffer) {
  MutexLock lock(evictor_mutex_);
  const auto found = buffers_.find(buffer.get());
  if (--found->second.second == 0) buffers_.erase(found);
}

std::vector<std::shared_ptr<PageBuffer>> Pager::Buffers() {
  MutexLock lock(evictor_mutex_);
  std::vector<std::shared_ptr<PageBuffer>> buffers;
  for (const auto& [buffer, entry] : buffers_) buffers.push_back(entry.first);
  return buffers;
}

void Pager::RunEvictor() {
  uint64_t answered = 0;
  bool stuck = false;
  bool progress = false;
  std::chrono::milliseconds pause = kRetryPauseMin;
  for (;;) {
    {
      MutexLock lock(evictor_mutex_);
      if (!stopping_ && evictor_calls_ == answered) {
        if (!stuck) {
          evictor_wanted_.Wait(evictor_mutex_);
        } else if (!progress) {
          evictor_wanted_.WaitFor(evictor_mutex_, pause);
        }
      }
      if (stopping_) return;
      answered = evictor_calls_;
    }
    const bool starving = stuck && OldestWaitNs() > kStarvingNs;
    stuck = false;
    progress = false;
    for (const auto& buffer : Buffers()) {
      while (EvictOnce(*buffer, starving)) progress = true;
      buffer->Trim();
      stuck = stuck || buffer->BytesToEvict() > 0;
    }
    stuck = stuck || waiting_count_.load() > 0;
    pause = progress ? kRetryPauseMin : std::min(2 * pause, kRetryPauseMax);
    Unpark();
  }
}

// `starving`: what is leaving already may be stuck, and is no reason to wait.
bool Pager::EvictOnce(PageBuffer& buffer, bool starving) {
  // 1. As much as the watermarks and a claim ask for; something at least where a fill waits.
  const uint64_t leaving = starving ? 0 : buffer.leaving_bytes.load();
  const uint64_t claimed = buffer.ClaimShortage();
  uint64_t bytes = std::max(buffer.BytesToEvict(), claimed - std::min(leaving, claimed));
  const bool idle = buffer.standby_bytes() == 0 && leaving < kPassBytesMax;
  if (bytes == 0 && buffer.waiting_fills.load() > 0 && idle) bytes = 1;
  if (bytes == 0) return false;
  Victims victims;
  Victims dirty;
  buffer.ChooseVictims(std::min(bytes, kPassBytesMax), &victims, &dirty);
  // 2. Clean pages leave at once.
  bool progress = !victims.empty();
  EvictVictims(std::move(victims), true);
  Unpark();
  // 3. Dirty ones are written first, with their neighbours, and leave when the store has them.
  for (const Victim& page : dirty) {
    Region& region = *page.region;
    if (NowNs() >= region.write_back_not_before_ns.load()) {
      waiting_evictors_.threads.fetch_add(1);
      progress |= StartWriteBack(region, page.page, 0, region.page_count, true, nullptr) > 0;
      waiting_evictors_.threads.fetch_sub(1);
      waiting_evictors_.ended.fetch_add(1);
    }
    region.in_flight.fetch_sub(1);
  }
  return progress;
}

uint64_t Pager::EvictNow(PageBuffer& buffer, uint64_t bytes, uint64_t count_max) {
  Victims victims;
  buffer.ChooseVictims(bytes, &victims, nullptr, count_max);
  uint64_t evicted = 0;
  for (const Victim& victim : victims) evicted += victim.region->page_bytes;
  EvictVictims(std::move(victims), true);
  return evicted;
}

void Pager::EvictVictims(Victims victims, bool to_standby) {
  if (victims.empty()) return;
  std::sort(victims.begin(), victims.end(), InOrder);
  for (size_t first = 0, end; first < victims.size(); first = end) {
    const bool dropped = victims[first].slot == kNoSlot;
    end = first + 1;
    if (dropped) {
      while (end < victims.size() && end - first < Mapper::kReleasedMax &&
             IsDroppedWith(victims[first], victims[end])) {
        end++;
      }
      DropMemory(&victims[first], end - first, to_standby);
    } else {
      while (end < victims.size() && Continues(victims[end - 1], victims[end])) end++;
      EvictRun(&victims[first], static_cast<uint32_t>(end - first), to_standby);
    }
  }
}

void Pager::EvictRun(const Victim* victims, uint32_t count, bool to_standby) {
  Region& region = *victims->region;
  TestPoint("before-evict-move");
  // 1. Take the run away, bytes and all, in one call where the kernel lets us.
  const uint64_t taken_bytes = region.mapper->TakeOut(region, victims->page, victims->slot, 0,
                                                      count * region.page_bytes);
  TestPoint("after-evict-move");
  for (uint32_t i = 0; i < count; i++) {
    // 2. What was not taken with the run is taken, or kept, by itself.
    const uint64_t begin = i * region.page_bytes;
    const uint64_t taken = taken_bytes > begin ? taken_bytes - begin : 0;
    if (taken < region.page_bytes && !TakeOutRest(victims[i], taken)) continue;
    // 3. Its bytes are in the frame, which is of use to others, or has to go with them.
    if (to_standby) {
      region.EndEviction(victims[i].page, region.buffer->FinishToStandby(victims[i]));
      continue;
    }
    const bool placed = region.pool->placed();
    if (placed) region.pool->ReleaseMemory({victims[i].slot, 1});
    region.EndEviction(victims[i].page,
                       region.buffer->FinishDropped(victims[i], !placed, false));
  }
}

// Takes the rest of a page whose first bytes are in its slot already. False: the kernel refuses,
// and the page was kept.
bool Pager::TakeOutRest(const Victim& victim, uint64_t taken_bytes) {
  Region& region = *victim.region;
  uint64_t done = taken_bytes;
  for (int attempt = 0; attempt < kMoveAttemptsMax; attempt++) {
    done += region.mapper->TakeOut(region, victim.page, victim.slot, done, region.page_bytes);
    if (done == region.page_bytes) return true;
    sched_yield();
  }
  KeepVictim(victim, done);
  return false;
}

// The pages are of one region, in order.
void Pager::DropMemory(const Victim* victims, size_t count, bool remember) {
  Region& region = *victims->region;
  TestPoint("before-evict-move");
  SlotRun runs[Mapper::kReleasedMax];
  size_t run_count = 0;
  for (size_t i = 0; i < count; i++) {
    SlotRun& last = runs[run_count > 0 ? run_count - 1 : 0];
    if (run_count > 0 && last.first + last.count == victims[i].page) {
      last.count++;
    } else {
      runs[run_count++] = {victims[i].page, 1};
    }
  }
  region.mapper->ReleaseEach(region, runs, run_count);
  TestPoint("after-evict-move");
  for (size_t i = 0; i < count; i++) {
    region.EndEviction(victims[i].page,
                       region.buffer->FinishDropped(victims[i], false, remember));
  }
}

// The page is pinned for I/O by the kernel, and goes back into the mapping, with those of its bytes
// that were moved out. Whoever pinned it may write it without a fault.
void Pager::KeepVictim(const Victim& victim, uint64_t taken_bytes) {
  Region& region = *victim.region;
  // 1. What comes back is writable, so the page counts as dirty from before that.
  if (region.writable) {
    region.NoteDirty(victim.page);
    region.table[victim.page].MoveTo(PageState::kDirtying, kLasting);
  }
  // 2. The bytes that had left.
  TestPoint("before-move-back");
  region.mapper->PutBack(region, victim.page, victim.slot, taken_bytes);
  // 3. It stays. A fault on it meanwhile went to sleep without a flag.
  const PageState state = region.writable ? PageState::kDirty : PageState::kClean;
  region.EndEviction(victim.page, region.buffer->FinishKept(victim, state).With(kWaiters));
}

}  // namespace umap
