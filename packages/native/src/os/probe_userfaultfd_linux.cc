// Tries each way to a userfaultfd and tells refusals apart: no permission, a seccomp filter, a
// kernel without it, a missing device node.
#include "os/probe_userfaultfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "os/probe_system.h"
#include "os/uffd_abi.h"

namespace umap {

namespace {

constexpr const char* kDevicePath = "/dev/userfaultfd";
constexpr int kUffdFlags = O_CLOEXEC | O_NONBLOCK;
constexpr unsigned kCapSysPtrace = 19;
constexpr uint64_t kSeccompFilter = 2;
// The inode of the initial user namespace is fixed by the kernel.
constexpr const char* kInitialUserNamespace = "user:[4026531837]";

constexpr std::array kFeatures = {
    UffdFeature{UFFD_FEATURE_PAGEFAULT_FLAG_WP, "PAGEFAULT_FLAG_WP", "pagefaultFlagWp"},
    UffdFeature{UFFD_FEATURE_EVENT_FORK, "EVENT_FORK", "eventFork"},
    UffdFeature{UFFD_FEATURE_EVENT_REMAP, "EVENT_REMAP", "eventRemap"},
    UffdFeature{UFFD_FEATURE_EVENT_REMOVE, "EVENT_REMOVE", "eventRemove"},
    UffdFeature{UFFD_FEATURE_MISSING_HUGETLBFS, "MISSING_HUGETLBFS", "missingHugetlbfs"},
    UffdFeature{UFFD_FEATURE_MISSING_SHMEM, "MISSING_SHMEM", "missingShmem"},
    UffdFeature{UFFD_FEATURE_EVENT_UNMAP, "EVENT_UNMAP", "eventUnmap"},
    UffdFeature{UFFD_FEATURE_SIGBUS, "SIGBUS", "sigbus"},
    UffdFeature{UFFD_FEATURE_THREAD_ID, "THREAD_ID", "threadId"},
    UffdFeature{UFFD_FEATURE_MINOR_HUGETLBFS, "MINOR_HUGETLBFS", "minorHugetlbfs"},
    UffdFeature{UFFD_FEATURE_MINOR_SHMEM, "MINOR_SHMEM", "minorShmem"},
    UffdFeature{UFFD_FEATURE_EXACT_ADDRESS, "EXACT_ADDRESS", "exactAddress"},
    UffdFeature{UFFD_FEATURE_WP_HUGETLBFS_SHMEM, "WP_HUGETLBFS_SHMEM", "wpHugetlbfsShmem"},
    UffdFeature{UFFD_FEATURE_WP_UNPOPULATED, "WP_UNPOPULATED", "wpUnpopulated"},
    UffdFeature{UFFD_FEATURE_POISON, "POISON", "poison"},
    UffdFeature{UFFD_FEATURE_WP_ASYNC, "WP_ASYNC", "wpAsync"},
    UffdFeature{UFFD_FEATURE_MOVE, "MOVE", "move"},
};

std::optional<bool> IsInitialUserNamespace() {
  char target[64];
  const ssize_t length = readlink("/proc/self/ns/user", target, sizeof target - 1);
  if (length < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(length)) == kInitialUserNamespace;
}

// /proc/misc has lines such as "257 userfaultfd".
std::optional<uint64_t> FindDeviceMinor() {
  const std::string text = ReadTextFile("/proc/misc").value_or("");
  const size_t name = text.find(" userfaultfd\n");
  if (name == std::string::npos) return std::nullopt;
  const size_t newline = text.rfind('\n', name);
  const size_t start = text.find_first_not_of(' ', newline == std::string::npos ? 0 : newline + 1);
  return ParseNumber(text.substr(start, name - start));
}

// Whether the kernel has userfaultfd(2), whoever refuses it.
bool KernelHasUserfaultfd(const PermissionReport& permissions) {
  return permissions.unprivileged_userfaultfd || permissions.device_minor;
}

bool MayUseSystemCall(const PermissionReport& permissions) {
  if (permissions.unprivileged_userfaultfd.value_or(1) != 0) return true;
  return permissions.cap_sys_ptrace && permissions.initial_user_namespace.value_or(true);
}

UniqueFd OpenDevice() {
  return UniqueFd(open(kDevicePath, O_RDWR | O_CLOEXEC | O_NONBLOCK));
}

RefusalCause CauseOfDevice(int error, const PermissionReport& permissions) {
  // Whoever may open the node may ask it: only a filter looks at requests.
  if (permissions.device_minor && OpenDevice().valid()) {
    const bool filtered = permissions.seccomp_mode.value_or(0) == kSeccompFilter;
    return filtered ? RefusalCause::kSeccomp : RefusalCause::kOther;
  }
  switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
    case ENOTTY:
      return permissions.device_minor ? RefusalCause::kDevice : RefusalCause::kKernel;
    case EPERM:
      // The mode of a node gives EACCES: EPERM comes from the container's list of devices.
      return RefusalCause::kDevice;
    case EACCES:
      return RefusalCause::kPermission;
    default:
      return RefusalCause::kOther;
  }
}

RefusalCause CauseOfSystemCall(UffdWay way, int error, const PermissionReport& permissions) {
  const bool filtered = permissions.seccomp_mode.value_or(0) == kSeccompFilter;
  switch (error) {
    case EPERM:
    case EACCES:
      // Since Linux 5.11 the kernel itself refuses kernel-mode faults only.
      if (way == UffdWay::kSystemCall && !MayUseSystemCall(permissions)) {
        return RefusalCause::kPermission;
      }
      if (filtered) return RefusalCause::kSeccomp;
      return MayUseSystemCall(permissions) ? RefusalCause::kOther : RefusalCause::kPermission;
    case ENOSYS:
      return filtered && KernelHasUserfaultfd(permissions) ? RefusalCause::kSeccomp
                                                           : RefusalCause::kKernel;
    case EINVAL:
      // An unknown flag: before Linux 5.11 there is no user-mode-only.
      return RefusalCause::kKernel;
    default:
      return RefusalCause::kOther;
  }
}

RefusalCause CauseOf(UffdWay way, int error, const PermissionReport& permissions) {
  if (error == 0) return RefusalCause::kNone;
  if (error == EMFILE || error == ENFILE || error == ENOMEM) return RefusalCause::kResources;
  if (way == UffdWay::kDevice) return CauseOfDevice(error, permissions);
  return CauseOfSystemCall(way, error, permissions);
}

}  // namespace

std::span<const UffdFeature> UffdFeatures() { return kFeatures; }

UniqueFd OpenUserfaultfd(UffdWay way, int* error) {
  long fd = -1;
  if (way == UffdWay::kDevice) {
    const UniqueFd device = OpenDevice();
    if (device.valid()) fd = ioctl(device.get(), USERFAULTFD_IOC_NEW, kUffdFlags);
    // Before `device` is closed, which could change errno.
    *error = fd < 0 ? errno : 0;
    return UniqueFd(static_cast<int>(fd));
  }
  const int mode = way == UffdWay::kUserModeOnly ? UFFD_USER_MODE_ONLY : 0;
  fd = syscall(SYS_userfaultfd, kUffdFlags | mode);
  *error = fd < 0 ? errno : 0;
  return UniqueFd(static_cast<int>(fd));
}

int NegotiateFeatures(int uffd, uint64_t features, uint64_t* offered) {
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = features;
  if (ioctl(uffd, UFFDIO_API, &api) != 0) return errno;
  *offered = api.features;
  return 0;
}

PermissionReport ReadPermissions() {
  PermissionReport report;
  report.effective_user_id = geteuid();
  // Of this thread: capabilities and filters are a thread's, not the process's.
  std::optional<std::string> status = ReadTextFile("/proc/thread-self/status");
  if (!status) status = ReadTextFile("/proc/self/status");
  if (status) {
    const auto effective = FindField(*status, "CapEff:");
    const uint64_t capabilities = effective ? ParseNumber(*effective, 16).value_or(0) : 0;
    report.cap_sys_ptrace = (capabilities >> kCapSysPtrace & 1) != 0;
    if (const auto mode = FindField(*status, "Seccomp:")) report.seccomp_mode = ParseNumber(*mode);
  }
  report.initial_user_namespace = IsInitialUserNamespace();
  report.unprivileged_userfaultfd = ReadNumberFile("/proc/sys/vm/unprivileged_userfaultfd");
  struct stat node;
  if (stat(kDevicePath, &node) == 0) report.device_mode = node.st_mode & 07777;
  report.device_minor = FindDeviceMinor();
  return report;
}

std::vector<UffdAttempt> TryWays(const PermissionReport& permissions) {
  std::vector<UffdAttempt> attempts;
  for (const UffdWay way : {UffdWay::kSystemCall, UffdWay::kDevice, UffdWay::kUserModeOnly}) {
    int error = 0;
    OpenUserfaultfd(way, &error);
    attempts.push_back({way, error, CauseOf(way, error, permissions)});
  }
  return attempts;
}

}  // namespace umap
