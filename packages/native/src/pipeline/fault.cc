// Fault: read what the kernel reports, claim the page, answer. Runs on fillers: the leader reads
// and answers what it can without waiting; what would block it goes to followers, and it hands the
// lead on before it blocks itself. It must never touch an absent page, and never block while it
// leads.
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "os/check.h"
#include "os/clock.h"
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {
namespace {

// Waking a halted CPU costs more than a whole fault, so the leader looks again for a while before
// it sleeps: as long as faults come that densely.
class Spin {
 public:
  void NoteFault() {
    const int64_t now = NowNs();
    const int64_t gap = std::min(now - last_ns_, kGapMaxNs);
    gap_ns_ += (gap - gap_ns_) / 4;
    last_ns_ = now;
  }
  bool Continue() const {
    if (gap_ns_ > kDenseNs) return false;
    return NowNs() - last_ns_ < std::max(2 * gap_ns_, kSpinMinNs);
  }

 private:
  static constexpr int64_t kGapMaxNs = 1'000'000;
  static constexpr int64_t kDenseNs = 40'000;
  static constexpr int64_t kSpinMinNs = 10'000;
  int64_t last_ns_ = 0;
  int64_t gap_ns_ = kGapMaxNs;
};

// Late messages in a row for one page that nothing but a contradiction explains.
constexpr uint32_t kLateMessagesMax = 100'000;

}  // namespace

void Pager::RunFiller(uint32_t number) {
  std::vector<Fill*> slow;
  bool work_first = false;
  for (;;) {
    Fill* fill = nullptr;
    {
      MutexLock lock(filler_mutex_);
      while (!stopping_ && leading_ && ready_.empty()) {
        idle_followers_++;
        filler_wanted_.Wait(filler_mutex_);
        idle_followers_--;
      }
      if (stopping_) return;
      if (!ready_.empty() && (leading_ || work_first)) {
        fill = ready_.front();
        ready_.pop_front();
      } else {
        leading_ = true;
      }
    }
    work_first = false;
    if (!fill) {
      Lead(number, &slow);
      MutexLock lock(filler_mutex_);
      leading_ = false;
      // One follower takes the lead, the others what is slow; the first of that is this thread's.
      for (size_t i = 1; i < slow.size(); i++) ready_.push_back(slow[i]);
      const size_t wanted = std::max<size_t>(1, slow.size());
      for (size_t i = 0; i < wanted; i++) filler_wanted_.NotifyOne();
      if (!slow.empty()) fill = slow[0];
      work_first = slow.empty();
      slow.clear();
    }
    if (!fill) continue;
    const Region& region = fill->region;
    const WatchedCalls::Announcement call(watched_calls_, region, StoreOp::kRead,
                                          region.StoreOffset(fill->first),
                                          region.StoreBytes(fill->first, fill->count));
    RunFill(fill);
  }
}

bool Pager::HasWorkButNoFollower() {
  MutexLock lock(filler_mutex_);
  return !ready_.empty() && idle_followers_ == 0 && filler_count_ == 1;
}

void Pager::Lead(uint32_t number, std::vector<Fill*>* slow) {
  std::vector<uffd_msg> messages(fault_events_max_);
  Spin spin;
  while (!stopping_) {
    const uint32_t count = uffd_.Read(messages.data(), fault_events_max_);
    if (count == 0) {
      if (spin.Continue()) continue;
      if (HasWorkButNoFollower()) return;
      AwaitFaults();
      continue;
    }
    spin.NoteFault();
    for (uint32_t i = 0; i < count; i++) {
      RegionMap::Reading reading(regions_, number);
      HandleFault(messages[i], slow);
    }
    if (!slow->empty()) return;
  }
}

void Pager::AwaitFaults() {
  pollfd fds[2] = {{uffd_.fd(), POLLIN, 0}, {leader_wake_.get(), POLLIN, 0}};
  poll(fds, 2, -1);
  if (fds[1].revents & POLLIN) {
    uint64_t count;
    (void)!read(leader_wake_.get(), &count, sizeof count);
  }
}

void Pager::HandleFault(const uffd_msg& message, std::vector<Fill*>* slow) {
  if (message.event != UFFD_EVENT_PAGEFAULT) return;
  TestPoint("fault-read");
  const uint64_t address = message.arg.pagefault.address;
  Region* region = regions_.Find(address);
  if (!region) {
    // It was unmapped meanwhile: the thread tries again and finds out.
    uffd_.Wake(reinterpret_cast<void*>(address & ~uint64_t{4095}), 4096);
    return;
  }
  const PageIndex page = region->PageAt(address);
  const auto thread_id = static_cast<pid_t>(message.arg.pagefault.feat.ptid);
  region->counters.Add(Counter::kFaults);
  if (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
    const int64_t started_ns = NowNs();
    region->counters.Add(Counter::kWriteProtectFaults);
    HandleWriteProtectFault(*region, page);
    region->counters.AddFaultLatency(NowNs() - started_ns);
    return;
  }
  const bool for_write = message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
  HandleMissingFault(*region, page, for_write && region->writable, thread_id, slow);
}

void Pager::HandleMissingFault(Region& region, PageIndex page, bool for_write, pid_t thread_id,
                               std::vector<Fill*>* slow) {
  const int64_t started_ns = NowNs();
  PageEntry& entry = region.table[page];
  PageWord word = entry.Load();
  ReadAheadPlan plan;
  const bool unmapped = word.state() == PageState::kAbsent ||
                        word.state() == PageState::kStandby ||
                        word.state() == PageState::kFilling;
  if (region.read_ahead_pages_max > 0 && unmapped) {
    plan = read_ahead_.OnFault(region, page, uffd_.has_thread_id() ? thread_id : 0);
  }
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
        WakePage(region, page);
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
        region.table.AddDirty(page, 1);
        region.buffer->dirty_bytes.fetch_add(region.page_bytes);
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
        WakePage(region, page);
        return;
    }
  }
}

// The page is kWritingBack | kRewriting, and stays so until here, or was handed over as kDirtying.
void Pager::LiftWhileWritingBack(Region& region, PageIndex page) {
  TestPoint("before-unprotect");
  uffd_.Unprotect(region.AddressOf(page), region.page_bytes);
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();;) {
    if (word.state() == PageState::kDirtying) {
      entry.MoveTo(PageState::kDirty, kLasting);
      region.NoteProgress();
      return;
    }
    CHECK(word.state() == PageState::kWritingBack && word.Has(kRewriting));
    if (entry.Replace(&word, word.Without(kRewriting).With(kRewritten))) return;
  }
}

// The page is there already. But a message that is late again and again for one page would mean
// that the books call mapped what is not: better a crash than a thread that faults for ever.
void Pager::AnswerLateMessage(Region& region, PageIndex page) {
  late_messages_ = late_region_ == &region && late_page_ == page ? late_messages_ + 1 : 0;
  late_region_ = &region;
  late_page_ = page;
  CHECK(late_messages_ < kLateMessagesMax);
  WakePage(region, page);
}

void Pager::WakePage(Region& region, PageIndex page) {
  uffd_.Wake(region.AddressOf(page), region.page_bytes);
}

}  // namespace umap
