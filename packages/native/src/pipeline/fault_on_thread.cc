// Fault, where it is a signal on the thread that touched: that thread claims the page, reads it
// where the store can be read without words, maps it, and goes on. What needs more, or can fail,
// goes to a filler, and the thread waits until the page has moved on.
//
// Runs in a signal handler. Beside what os/fault_signal.cc lists it makes these calls, all of them
// system calls or async-signal-safe: futex, clock_gettime, gettid, pthread_self, sched_getcpu,
// sched_yield, nanosleep, write (to an eventfd), ioctl (of a userfaultfd), mprotect, madvise, mmap
// (by a slab), preadv2, preadv, pread, lseek, fstat (by a file store). Locks are futexes; the code
// that was interrupted holds none of them, for engine code never touches an absent page, and the
// engine's functions block signals on the threads of applications. No memory from the heap, no
// thread-local variable.
#include <pthread.h>
#include <signal.h>

#include "os/clock.h"
#include "os/thread_self.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// Whether the page's owner will move it on, and the thread has to wait for that.
bool MustWaitFor(PageWord word) {
  switch (word.state()) {
    case PageState::kFilling:
    case PageState::kEvicting:
    case PageState::kDirtying:
      return true;
    case PageState::kWritingBack:
      return word.Has(kRewriting);
    default:
      return false;
  }
}

// Tells threads apart without a system call.
uint64_t ThreadKey() { return uint64_t{reinterpret_cast<uintptr_t>(pthread_self())}; }

}  // namespace

// Never destroyed: threads may be in it while the process ends.
RegionMap& Pager::TouchedRegions() {
  static auto* map = new RegionMap();
  return *map;
}

bool Pager::AnswerFault(const SignalFault& fault) {
  Region* region;
  {
    RegionMap::Reading reading(TouchedRegions());
    region = TouchedRegions().Find(fault.address);
    if (!region) return false;
    region->in_flight.fetch_add(1);
  }
  const bool answered = region->pager->AnswerTouch(*region, fault);
  // The last use of the region: Close may free it from here on.
  region->in_flight.fetch_sub(1);
  return answered;
}

bool Pager::AnswerTouch(Region& region, const SignalFault& fault) {
  const int64_t started_ns = NowNs();
  const PageIndex page = region.PageAt(fault.address);
  const bool for_write = fault.access == FaultAccess::kWrite && region.writable;
  TestPoint("fault-read");
  region.counters.Add(Counter::kFaults);
  PageEntry& entry = region.table[page];
  const uint32_t wanted = kWanted | (for_write ? uint32_t{kWantedForWriting} : 0u);
  const ReadAheadPlan plan = PlanAhead(region, page, ThreadKey());
  for (bool answered = false; !answered;) {
    PageWord word = entry.Load();
    switch (word.state()) {
      case PageState::kAbsent:
      case PageState::kStandby:
        answered = FillTouched(region, page, for_write, started_ns);
        break;
      case PageState::kFilling:
        answered = entry.Replace(&word, word.With(wanted));
        break;
      case PageState::kEvicting:
        answered = entry.Replace(&word, word.With(kWaiters));
        break;
      case PageState::kFailed:
        // SIGBUS is the error itself; what came before it was poisoned finds it there next time.
        return fault.signal != SIGBUS;
      default:
        AdmitTouch(region, page, fault);
        answered = true;
    }
  }
  if (plan.fill_count > 0) FillAhead(region, plan);
  if (MustWaitFor(entry.Load())) {
    const InterruptedSignals open(fault);
    const WaitingTouches::Announcement waiting(waiting_touches_, ThisThreadId());
    WaitForProgress(region, page, [](PageWord word) { return !MustWaitFor(word); });
  }
  return true;
}

// The page is present, and something keeps the thread out: its rights, or that it is the first to
// write.
void Pager::AdmitTouch(Region& region, PageIndex page, const SignalFault& fault) {
  const int64_t started_ns = NowNs();
  const bool writes = fault.access == FaultAccess::kWrite && region.writable;
  if (!writes && (region.mapper->Restore(region, page) || fault.access == FaultAccess::kRead)) {
    return;
  }
  if (!region.writable) return;
  region.counters.Add(Counter::kWriteProtectFaults);
  HandleWriteProtectFault(region, page);
  region.counters.AddFaultLatency(NowNs() - started_ns);
}

// False: the page was somebody else's by then.
bool Pager::FillTouched(Region& region, PageIndex page, bool for_write, int64_t started_ns) {
  Fill* const fill = ClaimFill(region, page, 1, FillCause::kFault);
  if (!fill) return false;
  fill->for_write = for_write;
  fill->started_ns = started_ns;
  StartFillHere(fill);
  return true;
}

void Pager::StartFillHere(Fill* fill) {
  fill->in_handler = true;
  if (!TakeMemoryFor(fill)) {
    Park(fill);
    return;
  }
  StoreResult result;
  if (fill->filled || ReadTouched(fill, &result)) {
    FinishFill(fill, std::move(result));
  } else {
    Post(fill);
  }
}

bool Pager::ReadTouched(Fill* fill, StoreResult* result) {
  const Region& region = fill->region;
  const WatchedCalls::Announcement call(watched_calls_, region, StoreOp::kRead,
                                        region.StoreOffset(fill->first),
                                        region.StoreBytes(fill->first, fill->count));
  return ReadAtOnce(fill, MayWait::kYes, result);
}

}  // namespace umap
