// Faults are raised by a thread that touches one page and answered here, as a filler would. The
// wait is bounded: what is not answered in time is let go by unregistering, so that the touching
// thread always ends. Whatever the kernel answers is a finding: this is why it does not go through
// Userfaultfd, whose callers know what the machine can do.
#include "os/probe_round_trip.h"

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>

#include "os/mapping.h"
#include "os/probe_touch.h"
#include "os/probe_userfaultfd.h"
#include "os/uffd_abi.h"
#include "os/unique_fd.h"

namespace umap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFaultWaitMs = 2000;
constexpr int kRetriesMax = 100;
constexpr uint8_t kFillByte = 0x5a;
constexpr uint64_t kWantedFeatures = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_THREAD_ID |
                                     UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE;
constexpr const char* kCheckKeys[] = {"register",          "missingFault", "copyWriteProtected",
                                      "writeProtectFault", "threadId",     "systemCallFault",
                                      "poison",            "move"};

// Pages of the area, one for each purpose.
constexpr size_t kFaultPage = 0;
constexpr size_t kSystemCallPage = 1;
constexpr size_t kPoisonPage = 2;
constexpr size_t kMoveTargetPage = 3;
constexpr size_t kAreaPages = 4;

// What came of one access.
struct FaultOutcome {
  // Empty: a fault was delivered, answered, and the thread went on.
  std::string failure;
  uffd_msg message = {};
  uint32_t thread_id = 0;
  uint8_t byte = 0;
  // errno of the system call that made the access.
  int error = 0;
};

// Does `request` until it is through, for the moments in which the kernel says "not now".
template <typename Argument>
int RetryingIoctl(int uffd, unsigned long request, Argument* argument) {
  for (int attempt = 0;; ++attempt) {
    if (ioctl(uffd, request, argument) == 0) return 0;
    if ((errno != EAGAIN && errno != EBUSY) || attempt == kRetriesMax) return errno;
    sched_yield();
  }
}

uffdio_range RangeOf(const Mapping& mapping) {
  return {reinterpret_cast<uint64_t>(mapping.data()), mapping.bytes()};
}

std::string NotOffered(const char* feature) {
  return std::string("the kernel does not offer ") + feature;
}

class RoundTrip {
 public:
  RoundTrip(UffdWay way, uint64_t offered)
      : page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))),
        way_(way),
        features_(offered & kWantedFeatures) {}

  std::vector<ProbeCheck> Run() {
    for (const char* key : kCheckKeys) checks_.push_back({key, std::nullopt, {}});
    Register();
    // Each step needs what the one before it found to work, save for the optional ones.
    if (registered_) CheckMissingFault();
    if (registered_ && At("missingFault").ok == true) {
      CheckWriteProtectFault();
      if (registered_) CheckSystemCallFault();
      if (registered_) CheckPoison();
      if (registered_) CheckMove();
    }
    for (ProbeCheck& check : checks_) {
      if (!check.ok && check.detail.empty()) check.detail = "an earlier step failed";
    }
    return std::move(checks_);
  }

 private:
  ProbeCheck& At(const char* key) {
    for (ProbeCheck& check : checks_) {
      if (std::strcmp(check.json_key, key) == 0) return check;
    }
    return checks_.front();
  }

  void Pass(const char* key) { At(key).ok = true; }
  void Fail(const char* key, std::string detail) {
    At(key).ok = false;
    At(key).detail = std::move(detail);
  }
  void Skip(const char* key, std::string detail) { At(key).detail = std::move(detail); }

  uint8_t* Page(size_t index) const { return area_.data() + index * page_bytes_; }
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }

  uint64_t RegisterMode() const {
    uint64_t mode = UFFDIO_REGISTER_MODE_MISSING;
    if (Has(UFFD_FEATURE_PAGEFAULT_FLAG_WP)) mode |= UFFDIO_REGISTER_MODE_WP;
    return mode;
  }

  Status RegisterRange(const Mapping& mapping) {
    uffdio_register request = {};
    request.range = RangeOf(mapping);
    request.mode = RegisterMode();
    if (ioctl(uffd_.get(), UFFDIO_REGISTER, &request) == 0) return Status::Ok();
    return Status::Fail(errno, "UFFDIO_REGISTER: " + ErrorName(errno));
  }

  Status OpenAndRegister() {
    Mapping* const mappings[] = {&area_, &source_, &filler_};
    for (Mapping* mapping : mappings) {
      const size_t pages = mapping == &area_ ? kAreaPages : 1;
      const Status status = Mapping::Reserve(pages * page_bytes_, page_bytes_, false, mapping);
      if (!status.ok()) return status;
    }
    int error = 0;
    uffd_ = OpenUserfaultfd(way_, &error);
    if (!uffd_) return Status::Fail(error, "userfaultfd: " + ErrorName(error));
    uint64_t offered = 0;
    error = NegotiateFeatures(uffd_.get(), features_, &offered);
    if (error != 0) return Status::Fail(error, "UFFDIO_API: " + ErrorName(error));
    const Status status = RegisterRange(area_);
    return status.ok() ? RegisterRange(source_) : status;
  }

  void Register() {
    const Status status = OpenAndRegister();
    if (!status.ok()) return Fail("register", status.message);
    std::memset(filler_.data(), kFillByte, page_bytes_);
    registered_ = true;
    Pass("register");
  }

  // Lets every thread go that waits for an answer; it goes on as if nothing were registered.
  void LetGo() {
    registered_ = false;
    uffdio_range range = RangeOf(area_);
    if (ioctl(uffd_.get(), UFFDIO_UNREGISTER, &range) != 0) uffd_.Reset();
  }

  int Copy(uint8_t* target, uint64_t mode) {
    uffdio_copy copy = {};
    copy.dst = reinterpret_cast<uint64_t>(target);
    copy.src = reinterpret_cast<uint64_t>(filler_.data());
    copy.len = page_bytes_;
    copy.mode = mode;
    return RetryingIoctl(uffd_.get(), UFFDIO_COPY, &copy);
  }

  // Makes an access, answers its fault, and waits until the thread has gone on. When it does not
  // go on, nothing is registered any more afterwards.
  FaultOutcome Fault(Access access, uint8_t* address, const std::function<int()>& answer);

  // Waits for one message. Returns false and says why when there is none.
  bool AwaitMessage(const TouchThread& thread, Clock::time_point end, FaultOutcome* outcome);

  void CheckMissingFault();
  void CheckWriteProtectFault();
  void CheckSystemCallFault();
  void CheckPoison();
  void CheckMove();

  const size_t page_bytes_;
  const UffdWay way_;
  const uint64_t features_;
  // Where faults happen, where MOVE takes a page from, and what fills pages.
  Mapping area_;
  Mapping source_;
  Mapping filler_;
  bool registered_ = false;
  // After the mappings, so that it is closed before they go.
  UniqueFd uffd_;
  std::vector<ProbeCheck> checks_;
};

bool RoundTrip::AwaitMessage(const TouchThread& thread, Clock::time_point end,
                             FaultOutcome* outcome) {
  for (;;) {
    pollfd fds[] = {{uffd_.get(), POLLIN, 0}, {thread.done_fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, RemainingMs(end));
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0 && (fds[0].revents & POLLIN) != 0) {
      const ssize_t bytes = read(uffd_.get(), &outcome->message, sizeof outcome->message);
      if (bytes == sizeof outcome->message) return true;
      if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      outcome->failure = "reading the userfaultfd: " + ErrorName(bytes < 0 ? errno : EIO);
    } else if (ready > 0 && fds[1].revents != 0) {
      outcome->failure = "no fault was raised";
    } else {
      outcome->failure = "no fault arrived within " + std::to_string(kFaultWaitMs) + " ms";
    }
    return false;
  }
}

FaultOutcome RoundTrip::Fault(Access access, uint8_t* address,
                              const std::function<int()>& answer) {
  FaultOutcome outcome;
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(kFaultWaitMs);
  TouchThread thread(access, address);
  if (thread.start_error() != 0) {
    outcome.failure = "starting a thread: " + ErrorName(thread.start_error());
    return outcome;
  }
  if (AwaitMessage(thread, end, &outcome)) {
    const int error = answer();
    if (error != 0) {
      outcome.failure = "answering the fault: " + ErrorName(error);
    } else if (!thread.AwaitDone(end)) {
      outcome.failure = "the thread did not go on after the answer";
    }
  }
  if (!outcome.failure.empty() && !thread.AwaitDone(Clock::now())) LetGo();
  thread.Join();
  outcome.thread_id = thread.thread_id();
  outcome.byte = thread.byte();
  outcome.error = thread.error();
  return outcome;
}

void RoundTrip::CheckMissingFault() {
  const uint64_t mode = Has(UFFD_FEATURE_PAGEFAULT_FLAG_WP) ? UFFDIO_COPY_MODE_WP : 0;
  uint8_t* page = Page(kFaultPage);
  const FaultOutcome outcome = Fault(Access::kRead, page, [&] { return Copy(page, mode); });
  if (!outcome.failure.empty()) return Fail("missingFault", outcome.failure);
  if (outcome.byte != kFillByte) return Fail("missingFault", "wrong bytes");
  Pass("missingFault");

  if (!Has(UFFD_FEATURE_THREAD_ID)) return Skip("threadId", NotOffered("THREAD_ID"));
  if (outcome.message.arg.pagefault.feat.ptid == outcome.thread_id) return Pass("threadId");
  Fail("threadId", "the fault names another thread");
}

void RoundTrip::CheckWriteProtectFault() {
  if (!Has(UFFD_FEATURE_PAGEFAULT_FLAG_WP)) {
    Skip("copyWriteProtected", NotOffered("PAGEFAULT_FLAG_WP"));
    return Skip("writeProtectFault", NotOffered("PAGEFAULT_FLAG_WP"));
  }
  uint8_t* page = Page(kFaultPage);
  const FaultOutcome outcome = Fault(Access::kWriteAndReadBack, page, [&] {
    uffdio_writeprotect unprotect = {};
    unprotect.range = {reinterpret_cast<uint64_t>(page), page_bytes_};
    return RetryingIoctl(uffd_.get(), UFFDIO_WRITEPROTECT, &unprotect);
  });
  if (!outcome.failure.empty()) {
    // Without a fault the page was not protected; the second check then has nothing to look at.
    return Fail("copyWriteProtected", outcome.failure);
  }
  Pass("copyWriteProtected");
  if ((outcome.message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) == 0) {
    return Fail("writeProtectFault", "the fault does not say that it is a write-protect fault");
  }
  if (outcome.byte != TouchThread::kWrittenByte) {
    return Fail("writeProtectFault", "the write was lost");
  }
  Pass("writeProtectFault");
}

void RoundTrip::CheckSystemCallFault() {
  uint8_t* page = Page(kSystemCallPage);
  const FaultOutcome outcome = Fault(Access::kSystemCall, page, [&] { return Copy(page, 0); });
  if (outcome.error != 0) {
    return Fail("systemCallFault", "the system call failed with " + ErrorName(outcome.error));
  }
  if (!outcome.failure.empty()) return Fail("systemCallFault", outcome.failure);
  Pass("systemCallFault");
}

void RoundTrip::CheckPoison() {
  if (!Has(UFFD_FEATURE_POISON)) return Skip("poison", NotOffered("POISON"));
  uint8_t* page = Page(kPoisonPage);
  uffdio_poison poison = {};
  poison.range = {reinterpret_cast<uint64_t>(page), page_bytes_};
  if (const int error = RetryingIoctl(uffd_.get(), UFFDIO_POISON, &poison)) {
    return Fail("poison", "UFFDIO_POISON: " + ErrorName(error));
  }
  // By a system call, since a touch would raise SIGBUS.
  const FaultOutcome outcome = Fault(Access::kSystemCall, page, [&] { return Copy(page, 0); });
  if (outcome.error == EFAULT) return Pass("poison");
  Fail("poison", "a poisoned page can be read");
}

void RoundTrip::CheckMove() {
  if (!Has(UFFD_FEATURE_MOVE)) return Skip("move", NotOffered("MOVE"));
  if (const int error = Copy(source_.data(), 0)) {
    return Fail("move", "UFFDIO_COPY: " + ErrorName(error));
  }
  const uint8_t* target = Page(kMoveTargetPage);
  uffdio_move move = {};
  move.dst = reinterpret_cast<uint64_t>(target);
  move.src = reinterpret_cast<uint64_t>(source_.data());
  move.len = page_bytes_;
  if (const int error = RetryingIoctl(uffd_.get(), UFFDIO_MOVE, &move)) {
    return Fail("move", "UFFDIO_MOVE: " + ErrorName(error));
  }
  // This thread must not fault, even if the page did not arrive.
  LetGo();
  if (*target != kFillByte) return Fail("move", "wrong bytes");
  Pass("move");
}

}  // namespace

std::vector<ProbeCheck> TryRoundTrip(std::optional<UffdWay> way, uint64_t offered) {
  if (way) return RoundTrip(*way, offered).Run();
  std::vector<ProbeCheck> checks;
  for (const char* key : kCheckKeys) checks.push_back({key, std::nullopt, "no userfaultfd"});
  return checks;
}

}  // namespace umap
