// Fault: read what the kernel reports, claim the page, answer. Runs on fillers, each of which waits
// in the userfaultfd, and fills what it reads itself: the kernel wakes one of those that wait.
// Where fills are slow each takes one fault; what one read brings beside that goes to another. It
// must never touch an absent page.
#include "os/check.h"
#include "os/clock.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// Late messages in a row for one page that nothing but a contradiction explains.
constexpr uint32_t kLateMessagesMax = 100'000;
// Faults come first, but who was posted must have its turn at last.
constexpr uint32_t kFaultsInARowMax = 64;

}  // namespace

void Pager::RunFiller() {
  FillerWatch::Place place(filler_watch_);
  std::vector<UffdFault> faults(fault_events_max_);
  std::vector<Fill*> slow;
  const Userfaultfd* const uffd = messages_ ? &messages_->uffd() : nullptr;
  uint32_t faults_in_a_row = 0;
  // Each fault has woken a filler of its own: where they are slow, each takes one.
  uint32_t read_max = fault_events_max_;
  while (!stopping_) {
    // 1. Faults; of those that are slow, the first is this filler's and the others go to others.
    const bool reads = uffd && faults_in_a_row < kFaultsInARowMax;
    const uint32_t count = reads ? uffd->Read(faults.data(), read_max) : 0;
    for (uint32_t i = 0; i < count; i++) {
      RegionMap::Reading reading(regions_);
      HandleFault(faults[i], &slow);
    }
    faults_in_a_row = count > 0 ? faults_in_a_row + count : 0;
    if (count > 0) read_max = slow.empty() ? fault_events_max_ : 1;
    for (size_t i = 1; i < slow.size(); i++) Post(slow[i]);
    // 2. Where there are none, what others have posted.
    Fill* fill = slow.empty() ? nullptr : slow[0];
    slow.clear();
    if (count == 0) fill = TakePosted();
    if (fill) {
      place.Leave();
      fill->in_handler = false;
      RunSlowFill(fill);
    } else if (count > 0) {
      place.NoteQuickFault();
    } else {
      place.AwaitWork();
    }
  }
}

void Pager::RunSlowFill(Fill* fill) {
  const Region& region = fill->region;
  const WatchedCalls::Announcement call(watched_calls_, region, StoreOp::kRead,
                                        region.StoreOffset(fill->first),
                                        region.StoreBytes(fill->first, fill->count));
  waiting_fillers_.threads.fetch_add(1);
  RunFill(fill);
  waiting_fillers_.threads.fetch_sub(1);
  waiting_fillers_.ended.fetch_add(1);
}

void Pager::Post(Fill* fill) {
  {
    MutexLock lock(posted_mutex_);
    posted_.Push(fill);
    posted_any_.store(true, std::memory_order_relaxed);
  }
  filler_watch_.Post();
}

Fill* Pager::TakePosted() {
  if (!posted_any_.load(std::memory_order_relaxed)) return nullptr;
  // The count is never above the queue's length: whoever takes from one takes from the other, so
  // that as many fillers are awake as there are fills.
  if (!filler_watch_.TakePosted()) return nullptr;
  MutexLock lock(posted_mutex_);
  CHECK(!posted_.empty());
  Fill* const fill = posted_.Pop();
  posted_any_.store(!posted_.empty(), std::memory_order_relaxed);
  return fill;
}

void Pager::HandleFault(const UffdFault& fault, std::vector<Fill*>* slow) {
  TestPoint("fault-read");
  const uint64_t address = fault.address;
  Region* region = regions_.Find(address);
  if (!region) {
    // It was unmapped meanwhile: the thread tries again and finds out.
    messages_->uffd().Wake(reinterpret_cast<void*>(address & ~uint64_t{4095}), 4096);
    return;
  }
  const PageIndex page = region->PageAt(address);
  region->counters.Add(Counter::kFaults);
  if (fault.is_write_protected) {
    const int64_t started_ns = NowNs();
    region->counters.Add(Counter::kWriteProtectFaults);
    HandleWriteProtectFault(*region, page);
    region->counters.AddFaultLatency(NowNs() - started_ns);
    return;
  }
  HandleMissingFault(*region, page, fault.is_write && region->writable, fault.thread_id, slow);
}

void Pager::HandleMissingFault(Region& region, PageIndex page, bool for_write, pid_t thread_id,
                               std::vector<Fill*>* slow) {
  const int64_t started_ns = NowNs();
  PageEntry& entry = region.table[page];
  PageWord word = entry.Load();
  const ReadAheadPlan plan = PlanAhead(region, page, thread_id);
  Fill* fill = nullptr;
  for (bool answered = false; !answered; word = entry.Load()) {
    switch (word.state()) {
      case PageState::kAbsent:
      case PageState::kStandby:
        fill = ClaimFill(region, page, 1, FillCause::kFault);
        answered = fill != nullptr;
        break;
      case PageState::kFilling:
        answered = entry.Replace(&word, word.With(kWanted));
        break;
      case PageState::kEvicting:
        answered = entry.Replace(&word, word.With(kWaiters));
        break;
      case PageState::kFailed:
        region.mapper->Wake(region, page);
        answered = true;
        break;
      default:
        AnswerLateMessage(region, page);
        answered = true;
    }
  }
  if (fill) {
    fill->for_write = for_write;
    fill->started_ns = started_ns;
    if (!StartFill(fill)) slow->push_back(fill);
  }
  if (plan.fill_count > 0) FillAhead(region, plan);
}

void Pager::HandleWriteProtectFault(Region& region, PageIndex page) {
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();;) {
    switch (word.state()) {
      case PageState::kClean:
        if (!entry.Replace(&word, word.In(PageState::kDirtying))) break;
        region.NoteDirty(page);
        PublishDirty(region, page);
        return;
      case PageState::kDirty:
        // Protected by a write-back that was refused; or a message that is late.
        if (!entry.Replace(&word, word.In(PageState::kDirtying))) break;
        PublishDirty(region, page);
        return;
      case PageState::kDirtying:
        return;
      case PageState::kWritingBack:
        if (word.Has(kRewriting)) return;
        // Also where it was rewritten: the write-back may have protected the page after that.
        if (!entry.Replace(&word, word.With(kRewriting))) break;
        LiftWhileWritingBack(region, page);
        return;
      case PageState::kFilling:
        if (entry.Replace(&word, word.With(kWantedForWriting))) return;
        break;
      case PageState::kEvicting:
        if (entry.Replace(&word, word.With(kWaiters))) return;
        break;
      default:
        region.mapper->Wake(region, page);
        return;
    }
  }
}

// The page is kWritingBack | kRewriting, and stays so until here, or was handed over as kDirtying.
void Pager::LiftWhileWritingBack(Region& region, PageIndex page) {
  TestPoint("before-unprotect");
  region.mapper->Unprotect(region, page);
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();;) {
    if (word.state() == PageState::kDirtying) {
      entry.MoveTo(PageState::kDirty, kLasting);
      break;
    }
    CHECK(word.state() == PageState::kWritingBack && word.Has(kRewriting));
    if (entry.Replace(&word, word.Without(kRewriting).With(kRewritten))) break;
  }
  region.mapper->Admit(region, page, 1);
  region.NoteProgress();
}

// The page is there already. But a message that is late again and again for one page would mean
// that the books call mapped what is not: better a crash than a thread that faults for ever.
void Pager::AnswerLateMessage(Region& region, PageIndex page) {
  thread_local uint64_t last_region = 0;
  thread_local PageIndex last_page = 0;
  thread_local uint32_t count = 0;
  count = last_region == region.number && last_page == page ? count + 1 : 0;
  last_region = region.number;
  last_page = page;
  CHECK(count < kLateMessagesMax);
  region.mapper->Wake(region, page);
}

}  // namespace umap
