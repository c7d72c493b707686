// What this machine can do for paging with userfaultfd, found out by trying it, never by kernel
// version: ways to a userfaultfd, kernel features, one real round trip, limits, and what to do
// about what is missing. Any thread may call Probe(); it leaves no descriptor, mapping or thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace umap {

// Ways to a userfaultfd, in order of preference.
enum class UffdWay {
  kSystemCall,    // userfaultfd(2), faults of the kernel included
  kDevice,        // USERFAULTFD_IOC_NEW on /dev/userfaultfd, faults of the kernel included
  kUserModeOnly,  // userfaultfd(2) with UFFD_USER_MODE_ONLY: no faults inside system calls
};

// Why a way was refused.
enum class RefusalCause {
  kNone,
  kPermission,  // neither sysctl nor capability, or the mode of the device node
  kSeccomp,     // a seccomp filter, as container runtimes install
  kKernel,      // this kernel does not have it
  kDevice,      // the kernel has the device, but there is no usable node
  kResources,   // no descriptor or memory left
  kOther,
};

struct UffdAttempt {
  UffdWay way = UffdWay::kSystemCall;
  // errno of the refusal; 0: this way works.
  int error = 0;
  RefusalCause cause = RefusalCause::kNone;
};

// A feature bit of UFFDIO_API.
struct UffdFeature {
  uint64_t bit;
  const char* name;      // the kernel's, without UFFD_FEATURE_
  const char* json_key;  // the same in camelCase
};

// One thing that was really done, or that could not be.
struct ProbeCheck {
  const char* json_key = "";
  // Empty: not tried, because what it needs is missing.
  std::optional<bool> ok;
  // Why it failed, or why it was not tried; empty on success.
  std::string detail;
};

struct PermissionReport {
  uint32_t effective_user_id = 0;
  bool cap_sys_ptrace = false;
  // The kernel counts CAP_SYS_PTRACE only in the initial user namespace.
  std::optional<bool> initial_user_namespace;
  // vm.unprivileged_userfaultfd; empty before Linux 5.2 or without CONFIG_USERFAULTFD.
  std::optional<uint64_t> unprivileged_userfaultfd;
  // 0 none, 1 strict, 2 filter, as in /proc/PID/status.
  std::optional<uint64_t> seccomp_mode;
  // Permission bits of /dev/userfaultfd; empty: no such node.
  std::optional<uint32_t> device_mode;
  // Minor number under which the kernel offers the device, whether or not a node exists.
  std::optional<uint64_t> device_minor;
};

struct CgroupReport {
  // 1 or 2; empty: this process's memory is in no cgroup that can be seen.
  std::optional<uint64_t> version;
  // The tightest limit among this cgroup and those above it; empty: none.
  std::optional<uint64_t> memory_limit_bytes;
  // Used in the cgroup that has this limit, or else in this process's own.
  std::optional<uint64_t> memory_current_bytes;
};

struct SystemReport {
  std::string os;
  std::string architecture;
  std::string kernel_release;
  uint64_t page_bytes = 0;
  uint64_t processor_count = 0;
  // The chosen word, such as "madvise"; empty where the file is missing.
  std::string thp_enabled;
  std::string thp_shmem_enabled;
  std::optional<uint64_t> map_count_max;
  // vm.overcommit_memory: 0 heuristic, 1 always, 2 never.
  std::optional<uint64_t> overcommit_mode;
  std::optional<uint64_t> mem_total_bytes;
  std::optional<uint64_t> mem_available_bytes;
  CgroupReport cgroup;
  // Soft limits; empty: unlimited.
  std::optional<uint64_t> address_space_bytes;
  std::optional<uint64_t> open_files_max;
  std::optional<uint64_t> locked_bytes;
  // errno of the trial; 0: available.
  int pressure_stall_error = 0;
  int pagemap_scan_error = 0;
  int io_uring_error = 0;
};

// A way out, in words that can be followed.
struct Remedy {
  // device, sysctl, capability, seccomp, policy, kernel, limit
  const char* kind = "";
  std::string text;
};

// Something that the engine uses.
struct ProbeNeed {
  const char* json_key = "";
  // What it is, in plain words.
  std::string title;
  bool required = false;
  bool met = false;
  // What the engine does without it; empty: nothing, it cannot run.
  std::string fallback;
  // Empty when met. Any one of them is enough, unless its text says otherwise.
  std::vector<Remedy> remedies;
};

// kUserModeOnly: all that lacks is faults of the kernel, so permission would be enough.
enum class Paging { kYes, kUserModeOnly, kNo };

struct ProbeReport {
  Paging paging = Paging::kNo;
  // The verdict in one sentence.
  std::string summary;
  std::vector<ProbeNeed> needs;
  PermissionReport permissions;
  // One for each way, in order of preference; all are tried.
  std::vector<UffdAttempt> attempts;
  // The first that works. The engine needs one of the first two: without faults of the kernel,
  // read() and write() on a region would fail with EFAULT.
  std::optional<UffdWay> way;
  // UFFD_FEATURE_ bits that the kernel offers.
  uint64_t features = 0;
  std::vector<ProbeCheck> checks;
  SystemReport system;
};

// Tries everything; takes a few milliseconds, and some seconds at most on a machine where faults
// are not delivered.
ProbeReport Probe();

// The report as one JSON object; keys are camelCase and stable, units come last.
std::string ProbeReportJson(const ProbeReport& report);

// Every feature bit that has a name, in order of its bit.
std::span<const UffdFeature> UffdFeatures();

// "EPERM" and so on; "errno 123" for what has no common name here.
std::string ErrorName(int error);

}  // namespace umap
