// See client_mapping.h.
#include "mapper/client_mapping.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "mapper/shared_mapper.h"
#include "os/clock.h"
#include "os/log.h"
#include "page/region.h"
#include "page/test_points.h"

namespace umap {
namespace {

constexpr uint8_t kRightMask = 0x3;
constexpr uint8_t kGiving = 0x80;
constexpr auto kNone = static_cast<uint8_t>(Right::kNone);
constexpr auto kRead = static_cast<uint8_t>(Right::kRead);
constexpr auto kWrite = static_cast<uint8_t>(Right::kWrite);
constexpr auto kForeign = static_cast<uint8_t>(Right::kForeign);

// What one answer maps at most around the page that was asked for, as the kernel's fault-around.
constexpr uint64_t kAroundBytes = 64 << 10;
// Pages that are mapped under the mutex at a time.
constexpr PageIndex kPagesAtOnce = 256;
// A page that the client takes out of the file again and again is its own loss.
constexpr int kRefillsMax = 8;
// An event of a client's is read within microseconds, by its monitor; 20 ms and a second.
constexpr timespec kChangingPause = {0, 100'000};
constexpr int kChangingAttemptsMax = 200;
constexpr int kTakeOverAttemptsMax = 10'000;

uint64_t SystemPageBytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

bool IsPresent(PageWord word) {
  return word.state() == PageState::kClean || word.state() == PageState::kDirtying ||
         word.state() == PageState::kDirty || word.state() == PageState::kWritingBack;
}

}  // namespace

ClientMapping::ClientMapping(std::shared_ptr<Region> region, const ClientMappingOptions& options)
    : region_(std::move(region)),
      options_(options),
      load_(options.load ? options.load : std::make_shared<ClientLoad>()),
      address_(options.address) {}

uint64_t ClientMapping::bytes() const {
  return uint64_t{region_->page_count} << region_->page_shift;
}

uint64_t ClientMapping::AddressOf(PageIndex page) const {
  return address_.load() + (uint64_t{page} << region_->page_shift);
}

// Beginning and end ------------------------------------------------------------------------------

Status ClientMapping::Open() {
  Status status = Mapping::Reserve(region_->page_count, 0, false, &rights_memory_);
  if (!status.ok()) return status;
  rights_ = reinterpret_cast<RightByte*>(rights_memory_.data());
  if (options_.taken_over || bytes() == 0) return Status::Ok();
  return options_.faults->Register(address(), bytes(), options_.writable);
}

// Only what is resident can be mapped: protecting all the rest would cost the client page tables.
Status ClientMapping::TakeOver() {
  std::vector<std::pair<PageIndex, PageIndex>> runs;
  region_->table.ForEachResident(0, region_->page_count, [&](PageIndex page) {
    if (!options_.writable || !IsPresent(region_->table[page].Load())) return;
    if (!runs.empty() && runs.back().second == page) {
      runs.back().second++;
    } else {
      runs.emplace_back(page, page + 1);
    }
  });
  for (const auto& [first, end] : runs) {
    if (!ProtectRun(first, end, kTakeOverAttemptsMax)) {
      return Status::Fail(EAGAIN, "the memory of a client changes, and nobody reads its events");
    }
  }
  return Status::Ok();
}

void ClientMapping::Close(bool client_lives) {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  LetGo(0, region_->page_count);
  if (!client_lives || bytes() == 0) return;
  // What was moved or unmapped in part cannot be unregistered in one piece; who waits is woken.
  if (options_.faults->Unregister(address(), bytes()) == ClientOutcome::kDone) return;
  options_.faults->Wake(address(), bytes());
}

void ClientMapping::Move(uint64_t address) {
  const uint64_t before = address_.load();
  {
    MutexLock lock(mutex_);
    address_.store(address);
  }
  // Who waits at the old place does so for ever.
  options_.faults->Wake(before, bytes());
  LetGo(0, region_->page_count);
}

void ClientMapping::LetGo(PageIndex first, PageIndex count) {
  uint32_t let_go = 0;
  {
    MutexLock lock(waiters_mutex_);
    let_go = static_cast<uint32_t>(std::erase_if(waiters_, [&](const ClientWaiter& waiter) {
      return waiter.page >= first && waiter.page - first < count;
    }));
  }
  NoteWaiters(-static_cast<int32_t>(let_go));
  if (count > 0) options_.faults->Wake(AddressOf(first), uint64_t{count} << region_->page_shift);
}

// Giving -----------------------------------------------------------------------------------------

// In one order with the bytes of the rights.
bool ClientMapping::Allows(PageIndex page, uint8_t right) const {
  const PageWord word(region_->table[page].word.load());
  if (right == kRead) return IsPresent(word);
  return word.state() == PageState::kDirty ||
         (word.state() == PageState::kWritingBack && word.Has(kRewritten));
}

// REQUIRES: the page's byte says nothing of giving. False: the word does not allow it, and the byte
// is what it was.
bool ClientMapping::BeginGiving(PageIndex page, uint8_t right) {
  const uint8_t before = ByteOf(page).fetch_or(kGiving);
  if (Allows(page, right)) return true;
  ByteOf(page).store(before);
  return false;
}

Given ClientMapping::Give(const ClientWaiter& waiter) {
  const uint8_t right = waiter.for_write ? kWrite : kRead;
  MutexLock lock(mutex_);
  if (closed_ || gone()) return Given::kDone;
  if (!BeginGiving(waiter.page, right)) return Given::kRefused;
  TestPoint(waiter.for_write ? "before-give-write" : "before-give");
  const bool lifts = waiter.for_write && waiter.is_write_protected;
  PageIndex first = waiter.page;
  const PageIndex count = right == kRead ? Surround(waiter.page, &first) : 1;
  GiveRun(first, count, right, lifts);
  return Given::kDone;
}

// Neighbours that the client has no right on, and may read, are mapped in the same call, once it
// has come to a page beside one that it has: each adds a third of what the call costs, which
// a client that touches pages here and there would pay for nothing.
PageIndex ClientMapping::Surround(PageIndex page, PageIndex* first) {
  const auto around = static_cast<PageIndex>(kAroundBytes >> region_->page_shift);
  const bool follows = page > 0 && IsMapped(ByteOf(page - 1).load());
  const bool leads = page + 1 < region_->page_count && IsMapped(ByteOf(page + 1).load());
  if (around <= 1 || (!follows && !leads)) return 1;
  const PageIndex low = page - page % around;
  const PageIndex high = std::min(low + around, region_->page_count);
  const auto joins = [&](PageIndex neighbour) {
    return ByteOf(neighbour).load() == kNone && BeginGiving(neighbour, kRead);
  };
  PageIndex end = page + 1;
  while (end < high && joins(end)) end++;
  while (*first > low && joins(*first - 1)) (*first)--;
  return end - *first;
}

// REQUIRES: each byte says that it is being given.
void ClientMapping::GiveRun(PageIndex first, PageIndex count, uint8_t right, bool lifts) {
  const uint64_t begin = AddressOf(first);
  const uint64_t run_bytes = uint64_t{count} << region_->page_shift;
  const ClientUserfaultfd& faults = *options_.faults;
  bool existed = lifts;
  ClientOutcome outcome = ClientOutcome::kDone;
  if (!lifts) {
    const bool is_protected = options_.writable && right == kRead;
    outcome = ContinueRun(begin, run_bytes, is_protected, &existed);
  }
  if (outcome == ClientOutcome::kDone && existed) {
    if (right == kWrite) {
      outcome = faults.Unprotect(begin, run_bytes);
    } else {
      faults.Wake(begin, run_bytes);
    }
  }
  const bool done = outcome == ClientOutcome::kDone;
  for (PageIndex page = first; page < first + count; page++) {
    const auto before = static_cast<uint8_t>(ByteOf(page).load() & kRightMask);
    uint8_t now = std::max(before, right);
    if (before == kForeign) {
      now = done ? right : kForeign;
      if (done) NoteForeign(-1);
    } else if (done && !existed) {
      now = right;
    }
    ByteOf(page).store(now);
  }
  if (done) return;
  if (outcome == ClientOutcome::kGone) gone_.store(true);
  // They ask again, or find out what they have done.
  faults.Wake(begin, run_bytes);
}

ClientOutcome ClientMapping::ContinueRun(uint64_t begin, uint64_t run_bytes, bool is_protected,
                                         bool* existed) {
  int refills = 0;
  for (uint64_t done = 0; done < run_bytes;) {
    uint64_t mapped = 0;
    const ClientOutcome outcome =
        options_.faults->Continue(begin + done, run_bytes - done, is_protected, &mapped);
    done += mapped;
    if (outcome == ClientOutcome::kDone) break;
    if (outcome == ClientOutcome::kExists) {
      *existed = true;
      done += SystemPageBytes();
    } else if (outcome == ClientOutcome::kNoPage && refills++ < kRefillsMax) {
      RefillPage(static_cast<PageIndex>((begin + done - address()) >> region_->page_shift));
    } else {
      return outcome;
    }
  }
  return ClientOutcome::kDone;
}

// The page is present by its word, and cannot be taken away while a right on it is being given: a
// client has taken it out of the file. What it was is lost; the page reads as zeros.
void ClientMapping::RefillPage(PageIndex page) {
  if (!warned_.exchange(true)) {
    Log(LogLevel::kWarning, "a client has punched pages out of memory that client " +
                                std::to_string(options_.client) + " maps too");
  }
  const volatile uint8_t* const bytes = region_->BytesOf(page);
  for (uint64_t offset = 0; offset < region_->page_bytes; offset += SystemPageBytes()) {
    static_cast<void>(bytes[offset]);
  }
}

void ClientMapping::MapResident(PageIndex first, PageIndex count) {
  const PageIndex end = std::min(first + count, region_->page_count);
  for (PageIndex begin = first; begin < end; begin += kPagesAtOnce) {
    MutexLock lock(mutex_);
    if (closed_ || gone()) return;
    const PageIndex stop = std::min(begin + kPagesAtOnce, end);
    PageIndex run_first = begin;
    PageIndex run_end = begin;
    uint8_t run_right = kNone;
    for (PageIndex page = begin; page < stop; page++) {
      const PageWord word = region_->table[page].Load();
      const bool open = options_.writable && word.Has(kPinned) && Allows(page, kWrite);
      const uint8_t right = open ? kWrite : kRead;
      const auto has = static_cast<uint8_t>(ByteOf(page).load() & kRightMask);
      const bool joins =
          (has < right || has == kForeign) && BeginGiving(page, right);
      if (joins && run_end == page && run_right == right) {
        run_end++;
        continue;
      }
      if (run_end > run_first) GiveRun(run_first, run_end - run_first, run_right, false);
      run_first = page;
      run_end = joins ? page + 1 : page;
      run_right = right;
    }
    if (run_end > run_first) GiveRun(run_first, run_end - run_first, run_right, false);
  }
}

// Taking -----------------------------------------------------------------------------------------

void ClientMapping::ForgetRights(PageIndex first, PageIndex count) {
  for (PageIndex page = first; page < first + count; page++) {
    RightByte& byte = ByteOf(page);
    uint8_t right = byte.load();
    while (right != kNone && right != kForeign) {
      if (right & kGiving) {
        // Whoever gives holds the mutex, and has looked at the word before it moved on.
        MutexLock lock(mutex_);
        right = byte.load();
      } else if (byte.compare_exchange_weak(right, kNone)) {
        break;
      }
    }
  }
}

bool ClientMapping::Protect(PageIndex first, PageIndex count) {
  if (!options_.writable || gone()) return true;
  const PageIndex end = first + count;
  bool done = true;
  for (PageIndex page = first; page < end;) {
    const uint8_t right = ByteOf(page).load();
    if (right & kGiving) {
      MutexLock lock(mutex_);
    } else if (right != kWrite) {
      page++;
    } else {
      PageIndex behind = page + 1;
      while (behind < end && IsMapped(ByteOf(behind).load())) behind++;
      done = ProtectRun(page, behind, kChangingAttemptsMax) && done;
      page = behind;
    }
  }
  return done;
}

bool ClientMapping::IsMapped(uint8_t right) { return right == kRead || right == kWrite; }

bool ClientMapping::ProtectRun(PageIndex first, PageIndex end, int attempts_max) {
  const uint64_t run_bytes = uint64_t{end - first} << region_->page_shift;
  for (int attempt = 0; attempt < attempts_max; attempt++) {
    {
      MutexLock lock(mutex_);
      if (closed_) return true;
      const ClientOutcome outcome = ProtectBytes(AddressOf(first), run_bytes);
      if (outcome == ClientOutcome::kGone) gone_.store(true);
      if (outcome == ClientOutcome::kDone || outcome == ClientOutcome::kGone) {
        for (PageIndex page = first; page < end; page++) {
          if (ByteOf(page).load() == kWrite) ByteOf(page).store(kRead);
        }
        return true;
      }
    }
    nanosleep(&kChangingPause, nullptr);
  }
  return false;
}

// What the client has unmapped, or never registered, is left out: it cannot be protected.
ClientOutcome ClientMapping::ProtectBytes(uint64_t begin, uint64_t bytes) {
  const ClientOutcome outcome = options_.faults->Protect(begin, bytes);
  if (outcome != ClientOutcome::kNoRange) return outcome;
  if (bytes <= SystemPageBytes()) return ClientOutcome::kDone;
  const uint64_t half = bytes / SystemPageBytes() / 2 * SystemPageBytes();
  const ClientOutcome first = ProtectBytes(begin, half);
  return first == ClientOutcome::kDone ? ProtectBytes(begin + half, bytes - half) : first;
}

// Waiting ----------------------------------------------------------------------------------------

void ClientMapping::NoteWaiters(int32_t delta) {
  if (delta == 0) return;
  waiting_.fetch_add(static_cast<uint32_t>(delta));
  SharedMapper::AttentionOf(*region_).fetch_add(static_cast<uint32_t>(delta));
  if (delta > 0) {
    load_->Add();
  } else {
    load_->Remove(static_cast<uint32_t>(-delta));
  }
}

void ClientMapping::NoteForeign(int32_t delta) {
  foreign_pages_.fetch_add(static_cast<uint32_t>(delta));
  SharedMapper::AttentionOf(*region_).fetch_add(static_cast<uint32_t>(delta));
}

void ClientMapping::AddWaiter(const ClientWaiter& waiter) {
  {
    MutexLock lock(waiters_mutex_);
    waiters_.push_back(waiter);
  }
  NoteWaiters(1);
}

void ClientMapping::NoteAnswered(const ClientWaiter& waiter) {
  latency_.Add(NowNs() - waiter.started_ns);
}

void ClientMapping::Serve(PageIndex first, PageIndex count) {
  if (foreign_pages_.load() > 0) HealForeign(first, count);
  if (waiting_.load() == 0) return;
  // 1. Who waits for these pages, page by page.
  std::vector<ClientWaiter> served;
  {
    MutexLock lock(waiters_mutex_);
    std::erase_if(waiters_, [&](const ClientWaiter& waiter) {
      const bool is_served = waiter.page >= first && waiter.page - first < count;
      if (is_served) served.push_back(waiter);
      return is_served;
    });
  }
  std::sort(served.begin(), served.end(), [](const ClientWaiter& a, const ClientWaiter& b) {
    return a.page < b.page;
  });
  for (size_t begin = 0, end; begin < served.size(); begin = end) {
    // 2. The most that is asked for, in one call.
    ClientWaiter all = served[begin];
    for (end = begin + 1; end < served.size() && served[end].page == all.page; end++) {
      all.for_write |= served[end].for_write;
      all.is_write_protected &= served[end].is_write_protected;
    }
    if (Give(all) == Given::kRefused) Refuse(all);
  }
  for (const ClientWaiter& waiter : served) NoteAnswered(waiter);
  NoteWaiters(-static_cast<int32_t>(served.size()));
}

// The page is not there, or may not be written yet. Nobody is kept in the list for that: who is
// woken asks again.
void ClientMapping::Refuse(const ClientWaiter& waiter) {
  if (region_->table[waiter.page].Load().state() == PageState::kFailed) {
    TellFailed(waiter.page);
    return;
  }
  const ClientWaiter to_read = {waiter.page, false, false, waiter.started_ns};
  const bool reads = waiter.for_write && !waiter.is_write_protected;
  if (reads && Give(to_read) == Given::kDone) return;
  options_.faults->Wake(AddressOf(waiter.page), region_->page_bytes);
}

void ClientMapping::TellFailed(PageIndex page) {
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    // Mapped meanwhile: it has been healed.
    if (IsMapped(ByteOf(page).load())) {
      return options_.faults->Wake(AddressOf(page), region_->page_bytes);
    }
    if (ByteOf(page).exchange(kForeign) != kForeign) NoteForeign(1);
    // The client can poison nothing where a protected page once was. Nothing is mapped there, and
    // whoever maps wants the mutex.
    if (options_.writable) {
      options_.faults->DropMarks(AddressOf(page), region_->page_bytes);
    }
  }
  if (options_.on_failed) options_.on_failed(page, SharedMapper::FailureOf(*region_, page));
}

void ClientMapping::HealForeign(PageIndex first, PageIndex count) {
  for (PageIndex page = first; page < first + count; page++) {
    if (ByteOf(page).load() == kForeign) Give({page, false, false, 0});
  }
}

}  // namespace umap
