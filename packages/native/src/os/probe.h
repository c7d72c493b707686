// What this machine can do for paging, found out by trying it, never by kernel version: every way
// in which faults can arrive, ways to a userfaultfd, kernel features, limits, and what to do about
// what is missing. Any thread may call Probe(); it leaves no descriptor, mapping, thread, process
// or signal handler.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/fault_mode.h"

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

// A way in which faults can arrive, really tried.
struct FaultWay {
  FaultMode mode = FaultMode::kUserfaultfd;
  bool works = false;
  // Why not; empty when it works.
  std::string reason;
  // Empty when it works. Any one of them is enough, unless its text says otherwise.
  std::vector<Remedy> remedies;
};

// How to get the best way in one kind of place: machine, docker, podman, kubernetes.
struct Recipe {
  const char* place = "";
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

// kLimited: some way works, but system calls on absent pages fail with EFAULT.
enum class Paging { kYes, kLimited, kNo };

struct ProbeReport {
  Paging paging = Paging::kNo;
  // The verdict in one sentence.
  std::string summary;
  // All of them: in the order in which `auto` prefers them, then those that it never takes.
  std::vector<FaultWay> ways;
  // What `auto` takes; empty: nothing works.
  std::optional<FaultMode> auto_mode;
  // How to get the best way; empty where it works or where permission is not what lacks.
  std::vector<Recipe> recipes;
  std::vector<ProbeNeed> needs;
  PermissionReport permissions;
  // One for each way, in order of preference; all are tried.
  std::vector<UffdAttempt> attempts;
  // The first that works.
  std::optional<UffdWay> way;
  // UFFD_FEATURE_ bits that the kernel offers.
  uint64_t features = 0;
  // The round trip over `way`, and over user mode; see probe_round_trip.h.
  std::vector<ProbeCheck> checks;
  std::vector<ProbeCheck> user_mode_checks;
  // See probe_signals.h. Empty: not tried.
  std::vector<ProbeCheck> signal_checks;
  SystemReport system;
};

// Tries everything; takes a few milliseconds, and some seconds at most on a machine where faults
// are not delivered. What needs signal handlers is tried in a child process.
ProbeReport Probe();

// The same without that child process: judges userfaultfd only, takes signals for granted, and has
// a cost that does not grow with the process.
ProbeReport ProbeUserfaultfd();

// One line for who got `mode`, which does not serve system calls: what fails, what to do about it
// in the program, and how to get a better way.
std::string SystemCallWarning(const ProbeReport& report, FaultMode mode);

// The report as one JSON object; keys are camelCase and stable, units come last.
std::string ProbeReportJson(const ProbeReport& report);

// Every feature bit that has a name, in order of its bit.
std::span<const UffdFeature> UffdFeatures();

// "EPERM" and so on; "errno 123" for what has no common name here.
std::string ErrorName(int error);

}  // namespace umap
