// See own_faults.h.
#include "client/own_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "os/uffd_abi.h"

namespace umap {
namespace {

constexpr uint64_t kRequired = UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM;
// The server refuses writable mappings where they are missing.
constexpr uint64_t kToWrite = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
constexpr uint64_t kOptional = kToWrite | UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_POISON |
                               UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE |
                               UFFD_FEATURE_EVENT_UNMAP;

constexpr uint32_t kMessagesMax = 64;

int OpenBySyscall(int flags) { return static_cast<int>(syscall(SYS_userfaultfd, flags)); }

int OpenByDevice(int flags) {
  const UniqueFd device(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  return device ? ioctl(device.get(), USERFAULTFD_IOC_NEW, flags) : -1;
}

Status OpenBest(int flags, UniqueFd* fd) {
  fd->Reset(OpenBySyscall(flags));
  if (*fd) return Status::Ok();
  const int first_error = errno;
  fd->Reset(OpenByDevice(flags));
  return *fd ? Status::Ok() : SystemError(first_error, "userfaultfd");
}

// What is asked for must be what is offered, so a first descriptor finds that out.
Status OpenWithFeatures(int flags, uint64_t denied, UniqueFd* fd, uint64_t* features) {
  UniqueFd probe;
  Status status = OpenBest(flags, &probe);
  if (!status.ok()) return status;
  uffdio_api api = {UFFD_API, 0, 0};
  if (ioctl(probe.get(), UFFDIO_API, &api) != 0) return SystemError(errno, "UFFDIO_API");
  *features = api.features & (kRequired | kOptional) & ~denied;
  // A page is replaced by a mapping then, which must not wait for who reads events.
  if (!(*features & UFFD_FEATURE_POISON)) *features &= ~uint64_t{UFFD_FEATURE_EVENT_UNMAP};
  if ((*features & kRequired) != kRequired) {
    return Status::Fail(ENOSYS, "this kernel's userfaultfd cannot page memory that a server shares "
                                "(minor faults of shared memory came with Linux 5.14)");
  }
  status = OpenBest(flags, fd);
  if (!status.ok()) return status;
  api = {UFFD_API, *features, 0};
  return ioctl(fd->get(), UFFDIO_API, &api) == 0 ? Status::Ok() : SystemError(errno, "UFFDIO_API");
}

}  // namespace

Status OwnFaults::Open(const OwnFaultsOptions& options, std::shared_ptr<OwnFaults>* faults) {
  auto opened = std::make_shared<OwnFaults>();
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK;
  uint64_t features = 0;
  Status status = options.kernel_faults_denied
                      ? Status::Fail(EPERM, "kernel-mode faults are denied")
                      : OpenWithFeatures(kFlags, options.features_denied, &opened->fd_, &features);
  if (!status.ok()) {
    opened->mode_ = FaultMode::kUserfaultfdUserMode;
    const Status user_mode = OpenWithFeatures(kFlags | UFFD_USER_MODE_ONLY,
                                              options.features_denied, &opened->fd_, &features);
    if (!user_mode.ok()) return user_mode.error == ENOSYS ? user_mode : status;
  }
  opened->has_poison_ = (features & UFFD_FEATURE_POISON) != 0;
  *faults = std::move(opened);
  return Status::Ok();
}

PoisonOutcome OwnFaults::Poison(uint64_t address, uint64_t bytes) const {
  static const auto step = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  PoisonOutcome outcome = PoisonOutcome::kDone;
  for (uint64_t done = 0; done < bytes;) {
    uffdio_poison request = {{address + done, bytes - done}, 0, 0};
    if (ioctl(fd(), UFFDIO_POISON, &request) == 0) break;
    const int error = errno;
    if (request.updated > 0) done += static_cast<uint64_t>(request.updated);
    if (error == EAGAIN && request.updated <= 0) return PoisonOutcome::kBusy;
    if (error == EAGAIN || error == EINTR) continue;
    // Anything but EEXIST: it is no memory of ours any more.
    if (error != EEXIST) break;
    Wake(address + done, step);
    done += step;
    outcome = PoisonOutcome::kOccupied;
  }
  return outcome;
}

void OwnFaults::Zap(uint64_t address, uint64_t bytes) const {
  madvise(reinterpret_cast<void*>(address), bytes, MADV_DONTNEED);
  // A mark that it was write-protected stays behind, and would be in the way.
  uffdio_writeprotect request = {{address, bytes}, UFFDIO_WRITEPROTECT_MODE_DONTWAKE};
  while (ioctl(fd(), UFFDIO_WRITEPROTECT, &request) != 0 && (errno == EAGAIN || errno == EINTR)) {
    sched_yield();
  }
}

void OwnFaults::Wake(uint64_t address, uint64_t bytes) const {
  uffdio_range request = {address, bytes};
  ioctl(fd(), UFFDIO_WAKE, &request);
}

Status OwnFaults::Register(uint64_t address, uint64_t bytes, bool writable) const {
  constexpr uint64_t kModes = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR;
  uffdio_register request = {
      {address, bytes}, writable ? kModes | UFFDIO_REGISTER_MODE_WP : kModes, 0};
  if (ioctl(fd(), UFFDIO_REGISTER, &request) != 0) return SystemError(errno, "UFFDIO_REGISTER");
  return Status::Ok();
}

void OwnFaults::Unregister(uint64_t address, uint64_t bytes) const {
  uffdio_range request = {address, bytes};
  ioctl(fd(), UFFDIO_UNREGISTER, &request);
}

uint32_t OwnFaults::Read(OwnFault* faults, uint32_t count) const {
  uffd_msg messages[kMessagesMax];
  const ssize_t bytes = read(fd(), messages, std::min(count, kMessagesMax) * sizeof(uffd_msg));
  const size_t got = bytes > 0 ? static_cast<size_t>(bytes) / sizeof(uffd_msg) : 0;
  uint32_t written = 0;
  for (size_t i = 0; i < got; i++) {
    if (messages[i].event != UFFD_EVENT_PAGEFAULT) continue;
    const auto& fault = messages[i].arg.pagefault;
    faults[written++] = {fault.address, (fault.flags & UFFD_PAGEFAULT_FLAG_WP) != 0};
  }
  return written;
}

}  // namespace umap
