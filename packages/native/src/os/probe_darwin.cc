// The parts of the probe on macOS, where faults arrive as signals only: every way to a userfaultfd
// is refused for want of kernel support. Compiled, but never run.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>

#include "os/memory_info.h"
#include "os/probe_needs.h"
#include "os/probe_remedies.h"
#include "os/probe_round_trip.h"
#include "os/probe_signals.h"
#include "os/probe_system.h"
#include "os/probe_userfaultfd.h"

namespace umap {
namespace {

std::optional<uint64_t> SoftLimit(int resource) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

}  // namespace

SystemReport ReadSystem() {
  SystemReport report;
  utsname name;
  if (uname(&name) == 0) {
    for (const char c : std::string(name.sysname)) {
      report.os += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    report.architecture = name.machine;
    report.kernel_release = name.release;
  }
  report.page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  report.processor_count = static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const MemoryInfo memory = ReadSystemMemory();
  report.mem_total_bytes = memory.total_bytes;
  report.mem_available_bytes = memory.available_bytes;
  report.address_space_bytes = SoftLimit(RLIMIT_AS);
  report.open_files_max = SoftLimit(RLIMIT_NOFILE);
  report.locked_bytes = SoftLimit(RLIMIT_MEMLOCK);
  report.pressure_stall_error = ENOSYS;
  report.pagemap_scan_error = ENOSYS;
  report.io_uring_error = ENOSYS;
  return report;
}

std::span<const UffdFeature> UffdFeatures() { return {}; }

UniqueFd OpenUserfaultfd(UffdWay, int* error) {
  *error = ENOSYS;
  return {};
}

int NegotiateFeatures(int, uint64_t, uint64_t*) { return ENOSYS; }

PermissionReport ReadPermissions() {
  PermissionReport report;
  report.effective_user_id = geteuid();
  return report;
}

std::vector<UffdAttempt> TryWays(const PermissionReport&) {
  return {{UffdWay::kSystemCall, ENOSYS, RefusalCause::kKernel},
          {UffdWay::kDevice, ENOSYS, RefusalCause::kKernel},
          {UffdWay::kUserModeOnly, ENOSYS, RefusalCause::kKernel}};
}

std::vector<ProbeCheck> TryRoundTrip(std::optional<UffdWay>, uint64_t) {
  std::vector<ProbeCheck> checks;
  for (const char* key : {"register", "missingFault", "copyWriteProtected", "writeProtectFault",
                          "threadId", "systemCallFault", "poison", "move"}) {
    checks.push_back({key, std::nullopt, "no userfaultfd"});
  }
  return checks;
}

// Nothing can refuse signals and mprotect here: taken for granted.
std::vector<ProbeCheck> TrySignals(std::optional<UffdWay>, uint64_t) {
  return {{kSignalCheck, true, {}}, {kInThreadCheck, std::nullopt, "no userfaultfd"}};
}

void JudgeNeeds(ProbeReport* report) { report->needs.clear(); }

}  // namespace umap
