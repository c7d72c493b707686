// See client_userfaultfd.h.
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include "os/client_userfaultfd.h"
#include "os/uffd_abi.h"

namespace umap {
namespace {

constexpr uint32_t kMessagesMax = 64;
constexpr uint64_t kFeaturesNeeded = UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM;
// CONTINUE that arrives protected is of Linux 6.4 and has no bit of its own; POISON is younger.
constexpr uint64_t kFeaturesToWrite = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
                                      UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_POISON;

ClientOutcome OutcomeOf(int error) {
  switch (error) {
    case 0: return ClientOutcome::kDone;
    case EEXIST: return ClientOutcome::kExists;
    case EFAULT: return ClientOutcome::kNoPage;
    case EAGAIN:
    case EBUSY:
    case EINTR: return ClientOutcome::kChanging;
    case ESRCH: return ClientOutcome::kGone;
    case ENOMEM: return ClientOutcome::kNoMemory;
    default: return ClientOutcome::kNoRange;
  }
}

bool IsUserfaultfd(int fd) {
  char target[64];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t count = readlink(link.c_str(), target, sizeof target);
  return count > 0 && std::string_view(target, static_cast<size_t>(count)) ==
                          "anon_inode:[userfaultfd]";
}

// What its owner has asked the kernel for: "API: aa:FEATURES:...", hexadecimal.
uint64_t FeaturesOf(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string line; std::getline(info, line);) {
    unsigned long long api = 0, features = 0;
    if (std::sscanf(line.c_str(), "API: %llx:%llx", &api, &features) == 2) return features;
  }
  return 0;
}

ClientMessage Decode(const uffd_msg& message) {
  ClientMessage decoded;
  switch (message.event) {
    case UFFD_EVENT_PAGEFAULT: {
      const auto& fault = message.arg.pagefault;
      decoded.kind = ClientMessage::Kind::kFault;
      decoded.fault.address = fault.address;
      decoded.fault.thread_id = static_cast<pid_t>(fault.feat.ptid);
      decoded.fault.is_write_protected = (fault.flags & UFFD_PAGEFAULT_FLAG_WP) != 0;
      decoded.fault.is_write =
          (fault.flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP)) != 0;
      break;
    }
    case UFFD_EVENT_REMAP:
      decoded.kind = ClientMessage::Kind::kMoved;
      decoded.begin = message.arg.remap.from;
      decoded.to = message.arg.remap.to;
      decoded.bytes = message.arg.remap.len;
      break;
    case UFFD_EVENT_REMOVE:
    case UFFD_EVENT_UNMAP:
      decoded.kind = message.event == UFFD_EVENT_REMOVE ? ClientMessage::Kind::kRemoved
                                                        : ClientMessage::Kind::kUnmapped;
      decoded.begin = message.arg.remove.start;
      decoded.bytes = message.arg.remove.end - message.arg.remove.start;
      break;
    case UFFD_EVENT_FORK:
      close(static_cast<int>(message.arg.fork.ufd));
      break;
    default:
      break;
  }
  return decoded;
}

}  // namespace

ClientUserfaultfd::ClientUserfaultfd(UniqueFd fd, bool has_write_protect)
    : fd_(std::move(fd)), has_write_protect_(has_write_protect) {}

Status ClientUserfaultfd::Adopt(UniqueFd fd, std::shared_ptr<const ClientUserfaultfd>* faults) {
  if (!fd || !IsUserfaultfd(fd.get())) {
    return Status::Fail(EINVAL, "the descriptor is no userfaultfd");
  }
  const uint64_t features = FeaturesOf(fd.get());
  if ((features & kFeaturesNeeded) != kFeaturesNeeded) {
    return Status::Fail(EINVAL, "the userfaultfd was opened without minor faults of shared memory");
  }
  // Whoever shares the description can take that back: Read does not rely on it where it can.
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return SystemError(errno, "the userfaultfd of a client");
  }
  const bool has_write_protect = (features & kFeaturesToWrite) == kFeaturesToWrite;
  faults->reset(new ClientUserfaultfd(std::move(fd), has_write_protect));
  return Status::Ok();
}

Status ClientUserfaultfd::Register(uint64_t begin, uint64_t bytes, bool writable) const {
  const uint64_t modes = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR |
                         (writable ? UFFDIO_REGISTER_MODE_WP : 0);
  uffdio_register request = {{begin, bytes}, modes, 0};
  if (ioctl(fd(), UFFDIO_REGISTER, &request) != 0) {
    return SystemError(errno, "registering the memory of a client");
  }
  const uint64_t needed = uint64_t{1} << _UFFDIO_CONTINUE;
  if (request.ioctls & needed) return Status::Ok();
  Unregister(begin, bytes);
  return Status::Fail(EINVAL, "the memory of a client is no shared memory");
}

ClientOutcome ClientUserfaultfd::Unregister(uint64_t begin, uint64_t bytes) const {
  uffdio_range request = {begin, bytes};
  return OutcomeOf(ioctl(fd(), UFFDIO_UNREGISTER, &request) != 0 ? errno : 0);
}

ClientOutcome ClientUserfaultfd::Continue(uint64_t begin, uint64_t bytes, bool is_protected,
                                          uint64_t* mapped) const {
  *mapped = 0;
  while (*mapped < bytes) {
    uffdio_continue request = {{begin + *mapped, bytes - *mapped},
                               is_protected ? uint64_t{UFFDIO_CONTINUE_MODE_WP} : 0, 0};
    const int error = ioctl(fd(), UFFDIO_CONTINUE, &request) != 0 ? errno : 0;
    if (request.mapped > 0) *mapped += static_cast<uint64_t>(request.mapped);
    // Some of it: go on behind that, and find out what is in the way.
    if (error == 0 || error == EINTR || (error == EAGAIN && request.mapped > 0)) continue;
    return OutcomeOf(error);
  }
  return ClientOutcome::kDone;
}

ClientOutcome ClientUserfaultfd::SetProtection(uint64_t begin, uint64_t bytes,
                                               uint64_t mode) const {
  uffdio_writeprotect request = {{begin, bytes}, mode};
  return OutcomeOf(ioctl(fd(), UFFDIO_WRITEPROTECT, &request) != 0 ? errno : 0);
}

ClientOutcome ClientUserfaultfd::Protect(uint64_t begin, uint64_t bytes) const {
  return SetProtection(begin, bytes, UFFDIO_WRITEPROTECT_MODE_WP);
}

ClientOutcome ClientUserfaultfd::Unprotect(uint64_t begin, uint64_t bytes) const {
  return SetProtection(begin, bytes, 0);
}

void ClientUserfaultfd::DropMarks(uint64_t begin, uint64_t bytes) const {
  SetProtection(begin, bytes, UFFDIO_WRITEPROTECT_MODE_DONTWAKE);
}

void ClientUserfaultfd::Wake(uint64_t begin, uint64_t bytes) const {
  uffdio_range request = {begin, bytes};
  ioctl(fd(), UFFDIO_WAKE, &request);
}

int32_t ClientUserfaultfd::Read(ClientMessage* messages, uint32_t count) const {
  uffd_msg raw[kMessagesMax];
  iovec piece = {raw, std::min(count, kMessagesMax) * sizeof(uffd_msg)};
  // The client could make a read block. Before Linux 6.10 that costs its own monitor a thread.
  ssize_t bytes = preadv2(fd(), &piece, 1, -1, RWF_NOWAIT);
  if (bytes < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
    bytes = read(fd(), raw, piece.iov_len);
  }
  if (bytes < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  const auto got = static_cast<uint32_t>(static_cast<size_t>(bytes) / sizeof(uffd_msg));
  for (uint32_t i = 0; i < got; i++) messages[i] = Decode(raw[i]);
  return static_cast<int32_t>(got);
}

}  // namespace umap
