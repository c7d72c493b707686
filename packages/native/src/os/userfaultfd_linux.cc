// See userfaultfd.h.
#include "os/userfaultfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "os/check.h"
#include "os/uffd_abi.h"

namespace umap {
namespace {

constexpr uint64_t kFeaturesWanted = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_THREAD_ID |
                                     UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE;

static_assert(Userfaultfd::kMissing == UFFDIO_REGISTER_MODE_MISSING);
static_assert(Userfaultfd::kWriteProtect == UFFDIO_REGISTER_MODE_WP);

// More are left for the next read.
constexpr uint32_t kMessagesMax = 64;

constexpr timespec kNoMemoryPause = {0, 10'000'000};
constexpr int kNoMemoryAttemptsMax = 1000;

int OpenBySyscall(int flags) { return static_cast<int>(syscall(SYS_userfaultfd, flags)); }

int OpenByDevice(int flags) {
  UniqueFd device(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  return device ? ioctl(device.get(), USERFAULTFD_IOC_NEW, flags) : -1;
}

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// Runs one ioctl that reports its progress in `done` until the whole range is covered.
// `step(offset)` issues it for what is left and returns {result, bytes done or -errno}.
template <typename Step>
UffdOutcome Cover(uint64_t bytes, uint64_t* covered, Step step) {
  uint64_t offset = 0;
  UffdOutcome outcome = UffdOutcome::kDone;
  while (offset < bytes) {
    int64_t done = 0;
    const int error = step(offset, &done);
    if (done > 0) offset += static_cast<uint64_t>(done);
    if (error == 0 || error == EINTR) continue;
    // EAGAIN with bytes done: resume behind them. Without: the caller decides how long to insist.
    if (error == EAGAIN && done > 0) continue;
    if (error == EEXIST) {
      outcome = UffdOutcome::kExists;
    } else if (error == EBUSY || error == EAGAIN) {
      outcome = UffdOutcome::kBusy;
    } else if (error == ENOMEM) {
      outcome = UffdOutcome::kNoMemory;
    } else {
      errno = error;
      std::perror("umap: userfaultfd ioctl");
      CHECK(!"the kernel refused a request that is always valid");
    }
    break;
  }
  if (covered) *covered = offset;
  return outcome;
}

// Covers a range whose pages are known to be absent, for as long as it takes the kernel to find
// memory.
template <typename Step>
void Insist(const char* request, uint64_t bytes, Step step) {
  uint64_t offset = 0;
  for (int attempt = 0; offset < bytes; attempt++) {
    uint64_t covered = 0;
    const UffdOutcome outcome = Cover(bytes - offset, &covered, [&](uint64_t at, int64_t* done) {
      return step(offset + at, done);
    });
    offset += covered;
    if (covered > 0) attempt = 0;
    if (offset == bytes) return;
    CHECK(outcome == UffdOutcome::kNoMemory || outcome == UffdOutcome::kBusy);
    if (attempt == 0) continue;
    if (attempt == kNoMemoryAttemptsMax) {
      std::fprintf(stderr, "umap: %s found no memory for a page for 10 s: raise the limit of this "
                           "process's memory cgroup, or use a smaller page buffer\n", request);
      CHECK(!"no memory for a page");
    }
    nanosleep(&kNoMemoryPause, nullptr);
  }
}

}  // namespace

Status Userfaultfd::Open(FaultMode mode, uint64_t features_denied, Userfaultfd* uffd) {
  CHECK(mode != FaultMode::kSignal);
  // 1. By the system call or by the device; the first refusal is the one that is reported.
  const int user_mode_only = ServesSystemCalls(mode) ? 0 : UFFD_USER_MODE_ONLY;
  const int flags = O_CLOEXEC | O_NONBLOCK | user_mode_only;
  int first_error = 0;
  const auto open_best = [&]() -> int {
    const int fd = OpenBySyscall(flags);
    if (fd >= 0) return fd;
    first_error = errno;
    return OpenByDevice(flags);
  };
  UniqueFd probe(open_best());
  if (!probe) return SystemError(first_error, "userfaultfd");

  // 2. Ask what the kernel has; a descriptor can shake hands once, so a second one is opened.
  uffdio_api api = {UFFD_API, 0, 0};
  if (ioctl(probe.get(), UFFDIO_API, &api) != 0) return SystemError(errno, "UFFDIO_API");
  const uint64_t required = mode == FaultMode::kInThread ? UFFD_FEATURE_SIGBUS : 0;
  const uint64_t wanted = kFeaturesWanted | required;
  const uint64_t features = api.features & wanted & ~features_denied;
  if ((features & required) != required) {
    return Status::Fail(ENOSYS, "this kernel's userfaultfd cannot raise SIGBUS (Linux 4.14)");
  }
  probe.Reset();

  // 3. Ask for that.
  Userfaultfd result;
  result.fd_.Reset(open_best());
  if (!result.fd_) return SystemError(errno, "userfaultfd");
  api = {UFFD_API, features, 0};
  if (ioctl(result.fd_.get(), UFFDIO_API, &api) != 0) return SystemError(errno, "UFFDIO_API");
  result.has_poison_ = features & UFFD_FEATURE_POISON;
  result.has_write_protect_ = features & UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  result.has_thread_id_ = features & UFFD_FEATURE_THREAD_ID;
  // Frames are registered for write-protection, so moving wants both.
  result.has_move_ = (features & UFFD_FEATURE_MOVE) && result.has_write_protect_;
  result.mode_ = mode;
  *uffd = std::move(result);
  return Status::Ok();
}

Status Userfaultfd::Register(void* begin, uint64_t bytes, uint64_t modes) const {
  uffdio_register request = {{AddressOf(begin), bytes}, modes, 0};
  if (ioctl(fd(), UFFDIO_REGISTER, &request) != 0) return SystemError(errno, "UFFDIO_REGISTER");
  return Status::Ok();
}

void Userfaultfd::Copy(void* to, const void* from, uint64_t bytes, bool write_protected) const {
  Insist("UFFDIO_COPY", bytes, [&](uint64_t offset, int64_t* done) {
    uffdio_copy request = {AddressOf(to) + offset, AddressOf(from) + offset, bytes - offset,
                           write_protected ? UFFDIO_COPY_MODE_WP : 0ULL, 0};
    const int error = ioctl(fd(), UFFDIO_COPY, &request) ? errno : 0;
    *done = request.copy;
    return error;
  });
}

void Userfaultfd::Zero(void* begin, uint64_t bytes) const {
  Insist("UFFDIO_ZEROPAGE", bytes, [&](uint64_t offset, int64_t* done) {
    uffdio_zeropage request = {{AddressOf(begin) + offset, bytes - offset}, 0, 0};
    const int error = ioctl(fd(), UFFDIO_ZEROPAGE, &request) ? errno : 0;
    *done = request.zeropage;
    return error;
  });
}

UffdOutcome Userfaultfd::Move(void* to, void* from, uint64_t bytes, bool wake,
                              uint64_t* moved_bytes) const {
  return Cover(bytes, moved_bytes, [&](uint64_t offset, int64_t* done) {
    uffdio_move request = {AddressOf(to) + offset, AddressOf(from) + offset, bytes - offset,
                           wake ? 0ULL : UFFDIO_MOVE_MODE_DONTWAKE, 0};
    const int error = ioctl(fd(), UFFDIO_MOVE, &request) ? errno : 0;
    *done = request.move;
    return error;
  });
}

UffdOutcome Userfaultfd::Poison(void* begin, uint64_t bytes) const {
  return Cover(bytes, nullptr, [&](uint64_t offset, int64_t* done) {
    uffdio_poison request = {{AddressOf(begin) + offset, bytes - offset}, 0, 0};
    const int error = ioctl(fd(), UFFDIO_POISON, &request) ? errno : 0;
    *done = request.updated;
    return error;
  });
}

void Userfaultfd::SetProtection(void* begin, uint64_t bytes, uint64_t mode) const {
  uffdio_writeprotect request = {{AddressOf(begin), bytes}, mode};
  // EAGAIN: an address space change is under way; it passes.
  while (ioctl(fd(), UFFDIO_WRITEPROTECT, &request) != 0) {
    CHECK(errno == EAGAIN || errno == EINTR);
    sched_yield();
  }
}

void Userfaultfd::WriteProtect(void* begin, uint64_t bytes) const {
  SetProtection(begin, bytes, UFFDIO_WRITEPROTECT_MODE_WP);
}

void Userfaultfd::Unprotect(void* begin, uint64_t bytes) const { SetProtection(begin, bytes, 0); }

void Userfaultfd::Wake(void* begin, uint64_t bytes) const {
  uffdio_range request = {AddressOf(begin), bytes};
  ioctl(fd(), UFFDIO_WAKE, &request);
}

uint32_t Userfaultfd::Read(UffdFault* faults, uint32_t count) const {
  uffd_msg messages[kMessagesMax];
  const ssize_t bytes =
      read(fd(), messages, std::min(count, kMessagesMax) * sizeof(uffd_msg));
  const size_t got = bytes > 0 ? static_cast<size_t>(bytes) / sizeof(uffd_msg) : 0;
  uint32_t written = 0;
  for (size_t i = 0; i < got; i++) {
    // No other event is ever asked for.
    if (messages[i].event != UFFD_EVENT_PAGEFAULT) continue;
    const auto& fault = messages[i].arg.pagefault;
    faults[written++] = {fault.address,
                         static_cast<pid_t>(has_thread_id_ ? fault.feat.ptid : 0),
                         (fault.flags & UFFD_PAGEFAULT_FLAG_WP) != 0,
                         (fault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0};
  }
  return written;
}

}  // namespace umap
