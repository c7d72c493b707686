// The watchdog: repeats what failed when its time has come, follows memory pressure, and names what
// hangs. One thread. It must not block: what it starts, others do.
#include <algorithm>
#include <optional>
#include <string>

#include "os/clock.h"
#include "os/log.h"
#include "os/memory_info.h"
#include "pipeline/blocked_threads.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr int64_t kPressureIntervalNs = 1'000'000'000;
// A call on a store that takes longer is named on stderr, and again after each further while.
constexpr int64_t kStallNs = 3'000'000'000;
constexpr int64_t kStallRepeatNs = 10'000'000'000;
constexpr uint64_t kBudgetBytesMin = 16 << 20;
constexpr int64_t kHungWriteNs = 1'000'000'000;
constexpr uint32_t kEvictorsMax = 64;

const char* NameOf(StoreOp op) {
  switch (op) {
    case StoreOp::kRead: return "read";
    case StoreOp::kWrite: return "write";
    case StoreOp::kFlush: return "flush";
    case StoreOp::kDiscard: return "discard";
  }
  return "call";
}

std::string Explain(const BlockedThreads& blocked, bool javascript_store) {
  std::string text;
  if (blocked.main) {
    text += "; the main thread is waiting for a page";
    if (javascript_store) {
      text += ": a store must not wait for it (messages, process.stdout of the main thread)";
    }
  }
  if (blocked.libuv_workers > 0) {
    text += "; " + std::to_string(blocked.libuv_workers) + " of " +
            std::to_string(blocked.libuv_workers_total) +
            " threads of the libuv pool are waiting for pages";
    if (javascript_store && blocked.libuv_workers == blocked.libuv_workers_total) {
      text += ": a store that uses fs, dns, crypto or zlib cannot go on; raise "
              "UV_THREADPOOL_SIZE, or prefault or pin the range before the I/O";
    }
  }
  if (blocked.others > 0) {
    text += "; " + std::to_string(blocked.others) + " other threads are waiting for pages";
  }
  return text;
}

std::string DescribeStall(const Region& region, const PendingCall& call, int64_t now,
                          const BlockedThreads& blocked) {
  return "store " + region.store->label() + " has not answered a " + NameOf(call.op) + " of " +
         std::to_string(call.byte_length) + " bytes at offset " + std::to_string(call.offset) +
         " for " + std::to_string((now - call.started_ns) / 1'000'000'000) + " s" +
         Explain(blocked, !region.store->traits().blocking);
}

}  // namespace

void Pager::RunLater(std::chrono::nanoseconds delay, std::function<void()> function) {
  MutexLock lock(timer_mutex_);
  timers_.emplace(NowNs() + delay.count(), std::move(function));
  timer_changed_.NotifyOne();
}

void Pager::RunWatchdog() {
  int64_t pressure_due_ns = 0;
  while (!stopping_) {
    RunDueTimers();
    const int64_t now = NowNs();
    if (now >= pressure_due_ns) {
      FollowPressure();
      pressure_due_ns = now + kPressureIntervalNs;
    }
    SpareHungStores();
    ReplaceHungThreads();
    NameStalls();
    MutexLock lock(timer_mutex_);
    std::chrono::nanoseconds pause = kTick;
    if (!timers_.empty()) {
      pause = std::min(pause, std::chrono::nanoseconds(timers_.begin()->first - NowNs()));
    }
    if (!stopping_ && pause.count() > 0) timer_changed_.WaitFor(timer_mutex_, pause);
  }
}

void Pager::RunDueTimers() {
  for (;;) {
    std::function<void()> function;
    {
      MutexLock lock(timer_mutex_);
      if (timers_.empty() || timers_.begin()->first > NowNs()) return;
      function = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    function();
  }
}

void Pager::FollowPressure() {
  for (const auto& buffer : Buffers()) {
    if (!buffer->adaptive()) continue;
    // Half of what there is, counting what the buffer holds already.
    const uint64_t held = buffer->resident_bytes();
    const uint64_t half = (ReadMemoryInfo().available_bytes + held) / 2;
    const uint64_t budget =
        std::clamp(half, std::min(kBudgetBytesMin, buffer->budget_bytes_max()),
                   buffer->budget_bytes_max());
    const uint64_t before = buffer->budget_bytes();
    // Small changes are noise.
    if (budget > before - before / 16 && budget < before + before / 16) continue;
    buffer->SetBudget(budget);
    if (budget < before) WakeEvictors();
    regions_.ForEach([&](Region* region) {
      if (region->buffer != buffer) return;
      Publish(*region, {EventKind::kPressure, Status::Ok(), 0, 0, budget});
    });
  }
}

// A store that does not answer keeps the thread that called it. While it does, evictors leave its
// region alone, lest it takes all of them.
void Pager::SpareHungStores() {
  const int64_t now = NowNs();
  regions_.ForEach([&](Region* region) {
    watched_calls_.ForEachOf(region, [&](const PendingCall& call) {
      const bool hangs = call.started_ns != 0 && now - call.started_ns > kHungWriteNs;
      if (hangs && call.op == StoreOp::kWrite) {
        region->write_back_not_before_ns.store(now + kHungWriteNs);
      }
    });
  });
}

// Where every thread of a kind waits for a store, and none has come back since the last look, there
// is one more: pages of other stores must not wait for this one.
void Pager::ReplaceHungThreads() {
  const auto all_hang = [](Waiting& waiting, uint32_t count) {
    const uint64_t ended = waiting.ended.load();
    const bool hang = waiting.threads.load() >= count && ended == waiting.ended_before;
    waiting.ended_before = ended;
    return hang;
  };
  const uint32_t fillers = filler_count_.load();
  if (all_hang(waiting_fillers_, fillers) && fillers < kFillersLimit) AddFiller();
  const uint32_t evictors = evictor_count_.load();
  if (all_hang(waiting_evictors_, evictors) && evictors < kEvictorsMax) AddEvictor();
}

void Pager::NameStalls() {
  const int64_t now = NowNs();
  std::vector<std::string> named;
  std::optional<BlockedThreads> blocked;
  // Under the map's mutex no region that is seen here can go away.
  regions_.ForEach([&](Region* region) {
    PendingCall oldest;
    const auto consider = [&oldest](const PendingCall& call) {
      if (call.started_ns == 0) return;
      if (oldest.started_ns == 0 || call.started_ns < oldest.started_ns) oldest = call;
    };
    PendingCall call;
    if (region->store->OldestCall(&call)) consider(call);
    watched_calls_.ForEachOf(region, consider);
    if (oldest.started_ns == 0 || now - oldest.started_ns < kStallNs) return;
    if (now < region->stall_quiet_until_ns) return;
    region->stall_quiet_until_ns = now + kStallRepeatNs;
    if (!blocked) blocked = FindBlockedThreads(waiting_touches_);
    named.push_back(DescribeStall(*region, oldest, now, *blocked));
    Publish(*region, {EventKind::kStall, Status::Retry(ETIMEDOUT, named.back()), oldest.offset,
                      oldest.byte_length, 0});
  });
  if (named.empty() && now >= waiting_quiet_until_ns_) {
    std::string waiting = NameWaitingFills(now);
    if (!waiting.empty()) {
      waiting_quiet_until_ns_ = now + kStallRepeatNs;
      named.push_back(std::move(waiting));
    }
  }
  for (const std::string& line : named) Log(LogLevel::kWarning, line);
}

// Empty when no fill has waited for memory for long.
std::string Pager::NameWaitingFills(int64_t now) {
  uint32_t count = 0;
  {
    MutexLock lock(parked_mutex_);
    for (const Fill* fill = waiting_first_; fill; fill = fill->waits_after) {
      count += now - fill->waits_since_ns >= kStallNs;
    }
  }
  if (count == 0) return {};
  return std::to_string(count) +
         " page fills wait for memory: every page of the buffer is pinned, or dirty and refused by "
         "its store" + Explain(FindBlockedThreads(waiting_touches_), false);
}

}  // namespace umap
