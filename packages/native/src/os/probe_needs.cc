// Judges the findings: what the engine needs, what it can do without, and the words that help.
#include "os/probe_needs.h"

#include <unistd.h>

#include <cstring>

#include "os/uffd_abi.h"

namespace umap {

namespace {

// What to set so that faults of the kernel may be handled. Any one is enough.
constexpr const char* kSysctlText =
    "allow it to everybody on this machine: sysctl -w vm.unprivileged_userfaultfd=1 "
    "(for good: a line in /etc/sysctl.d/60-userfaultfd.conf)";
constexpr const char* kSeccompText =
    "allow userfaultfd in the seccomp filter. Docker and Podman: --security-opt seccomp=FILE with "
    "a copy of the default profile that lists \"userfaultfd\" under the allowed names, or "
    "seccomp=unconfined. Kubernetes: securityContext.seccompProfile with type Localhost and such a "
    "file, or type Unconfined. systemd: SystemCallFilter=userfaultfd";
constexpr const char* kDeviceAccessText =
    "give this process read and write access to the device node: chmod 0666 /dev/userfaultfd until "
    "the next boot; for good a udev rule, in /etc/udev/rules.d/60-userfaultfd.rules: "
    "KERNEL==\"userfaultfd\", MODE=\"0666\" (or MODE=\"0660\" with GROUP=\"a group of this user\")";
constexpr const char* kDevicePassText =
    "pass the device into the container: --device /dev/userfaultfd (Docker, Podman), with a node "
    "that the container's user may open; a seccomp filter does not stop this way";
constexpr const char* kKernelConfigText =
    "a kernel built with CONFIG_USERFAULTFD=y (since Linux 4.3)";

const UffdAttempt* FindAttempt(const ProbeReport& report, UffdWay way) {
  for (const UffdAttempt& attempt : report.attempts) {
    if (attempt.way == way) return &attempt;
  }
  return nullptr;
}

bool Works(const ProbeReport& report, UffdWay way) {
  const UffdAttempt* attempt = FindAttempt(report, way);
  return attempt != nullptr && attempt->error == 0;
}

RefusalCause CauseOf(const ProbeReport& report, UffdWay way) {
  const UffdAttempt* attempt = FindAttempt(report, way);
  return attempt == nullptr ? RefusalCause::kOther : attempt->cause;
}

const ProbeCheck* FindCheck(const ProbeReport& report, const char* key) {
  for (const ProbeCheck& check : report.checks) {
    if (std::strcmp(check.json_key, key) == 0) return &check;
  }
  return nullptr;
}

bool Passed(const ProbeReport& report, const char* key) {
  const ProbeCheck* check = FindCheck(report, key);
  return check != nullptr && check->ok == true;
}

// The program that runs, for a command that can be pasted.
std::string ProgramPath() {
  char target[4096];
  const ssize_t length = readlink("/proc/self/exe", target, sizeof target);
  if (length <= 0 || length == sizeof target) return "\"$(readlink -f \"$(command -v node)\")\"";
  return std::string(target, static_cast<size_t>(length));
}

Remedy DeviceRemedy(const ProbeReport& report) {
  if (!report.permissions.device_minor) {
    return {"kernel", "Linux 6.1 or later, which has /dev/userfaultfd: access to it is enough"};
  }
  if (CauseOf(report, UffdWay::kDevice) == RefusalCause::kPermission) {
    return {"device", kDeviceAccessText};
  }
  const std::string minor = std::to_string(*report.permissions.device_minor);
  return {"device", std::string(kDevicePassText) +
                        ". Outside a container: mknod /dev/userfaultfd c 10 " + minor +
                        ", then chmod 0666 /dev/userfaultfd"};
}

Remedy CapabilityRemedy(const ProbeReport& report) {
  std::string text = "give this process CAP_SYS_PTRACE: setcap cap_sys_ptrace+ep " + ProgramPath() +
                     " (Node then ignores NODE_OPTIONS), AmbientCapabilities=CAP_SYS_PTRACE in a "
                     "systemd unit, --cap-add SYS_PTRACE for Docker and Podman, "
                     "securityContext.capabilities.add: [SYS_PTRACE] in Kubernetes";
  if (report.permissions.initial_user_namespace == false) {
    text += ". This process is in a user namespace, whose capabilities do not count";
  }
  return {"capability", std::move(text)};
}

// What makes the system call work with faults of the kernel included; several may be needed.
void AddPermissionRemedies(const ProbeReport& report, std::vector<Remedy>* remedies) {
  const bool filtered = CauseOf(report, UffdWay::kSystemCall) == RefusalCause::kSeccomp ||
                        CauseOf(report, UffdWay::kUserModeOnly) == RefusalCause::kSeccomp;
  const bool refused = CauseOf(report, UffdWay::kSystemCall) == RefusalCause::kPermission;
  remedies->push_back(DeviceRemedy(report));
  if (refused) {
    const std::string as_well = filtered ? " (the seccomp filter must allow it as well)" : "";
    // Before Linux 5.2 there is no such sysctl, and no such rule either.
    if (report.permissions.unprivileged_userfaultfd) {
      remedies->push_back({"sysctl", kSysctlText + as_well});
    }
    Remedy capability = CapabilityRemedy(report);
    capability.text += as_well;
    remedies->push_back(std::move(capability));
  }
  if (filtered) remedies->push_back({"seccomp", kSeccompText});
}

const UffdAttempt* FindCause(const ProbeReport& report, RefusalCause cause) {
  for (const UffdAttempt& attempt : report.attempts) {
    if (attempt.cause == cause) return &attempt;
  }
  return nullptr;
}

std::vector<Remedy> UserfaultfdRemedies(const ProbeReport& report) {
  // Without descriptors the other findings are guesses: this comes first.
  if (const UffdAttempt* attempt = FindCause(report, RefusalCause::kResources)) {
    return {{"limit", "free descriptors or memory, or raise the limit (ulimit -n): " +
                          ErrorName(attempt->error)}};
  }
  const UffdAttempt* call = FindAttempt(report, UffdWay::kSystemCall);
  const RefusalCause cause = CauseOf(report, UffdWay::kSystemCall);
  std::vector<Remedy> remedies;
  if (cause == RefusalCause::kPermission || cause == RefusalCause::kSeccomp) {
    AddPermissionRemedies(report, &remedies);
  } else if (cause == RefusalCause::kKernel || call == nullptr) {
    remedies.push_back({"kernel", kKernelConfigText});
  } else {
    remedies.push_back({"policy", "the system call fails with " + ErrorName(call->error) +
                                      ", which neither the sysctl nor a seccomp filter explains: "
                                      "look for a security module such as SELinux"});
    remedies.push_back(DeviceRemedy(report));
  }
  return remedies;
}

// A kernel that offers a feature and then fails at it cannot be repaired by a setting.
std::vector<Remedy> FeatureRemedies(const ProbeReport& report, uint64_t bit, const char* check_key,
                                    const std::string& since) {
  if (!report.way) return {{"kernel", "first a userfaultfd, then it can be tried"}};
  const ProbeCheck* check = FindCheck(report, check_key);
  const bool offered = (report.features & bit) != 0;
  if (!offered || check == nullptr) return {{"kernel", since}};
  return {{"kernel", "the kernel offers it, but the trial failed (" + check->detail +
                         "): another kernel than " + report.system.kernel_release}};
}

ProbeNeed Need(const char* key, const char* title, bool required, bool met, const char* fallback) {
  ProbeNeed need;
  need.json_key = key;
  need.title = title;
  need.required = required;
  need.met = met;
  need.fallback = fallback;
  return need;
}

void AddRequired(ProbeReport* report) {
  const std::vector<Remedy> access = UserfaultfdRemedies(*report);

  ProbeNeed any = Need("userfaultfd", "a userfaultfd whose faults are delivered", true,
                       Passed(*report, "missingFault"), "");
  if (!any.met) {
    any.remedies = report->way ? FeatureRemedies(*report, ~uint64_t{0}, "missingFault", "")
                               : access;
  }
  report->needs.push_back(std::move(any));

  ProbeNeed kernel = Need("kernelFaults", "faults inside system calls", true,
                          Passed(*report, "systemCallFault"), "");
  const bool privileged =
      Works(*report, UffdWay::kSystemCall) || Works(*report, UffdWay::kDevice);
  if (!kernel.met) {
    kernel.remedies = privileged
                          ? FeatureRemedies(*report, ~uint64_t{0}, "systemCallFault", "")
                          : access;
  }
  report->needs.push_back(std::move(kernel));

  const bool arrives = Passed(*report, "copyWriteProtected");
  const bool protects = arrives && Passed(*report, "writeProtectFault");
  ProbeNeed protect = Need("writeProtect", "write-protect faults on anonymous memory", true,
                           protects, "");
  if (!protects) {
    const char* key = arrives ? "writeProtectFault" : "copyWriteProtected";
    protect.remedies = FeatureRemedies(*report, UFFD_FEATURE_PAGEFAULT_FLAG_WP, key,
                                       "Linux 5.7 on x86-64, Linux 6.10 on arm64");
  }
  report->needs.push_back(std::move(protect));
}

void AddOptional(ProbeReport* report, ProbeNeed need, uint64_t bit, const char* since) {
  need.met = Passed(*report, need.json_key);
  if (!need.met) need.remedies = FeatureRemedies(*report, bit, need.json_key, since);
  report->needs.push_back(std::move(need));
}

const ProbeNeed* FirstUnmet(const ProbeReport& report) {
  for (const ProbeNeed& need : report.needs) {
    if (need.required && !need.met) return &need;
  }
  return nullptr;
}

bool IsMet(const ProbeReport& report, const char* key) {
  for (const ProbeNeed& need : report.needs) {
    if (std::strcmp(need.json_key, key) == 0) return need.met;
  }
  return false;
}

}  // namespace

void Judge(ProbeReport* report) {
  report->needs.clear();
  AddRequired(report);
  AddOptional(report, Need("move", "moving pages (MOVE)", false, false, "pages are copied"),
              UFFD_FEATURE_MOVE, "Linux 6.8");
  AddOptional(report,
              Need("poison", "poisoning pages that cannot be filled (POISON)", false, false,
                   "a mapping behind the end of a file raises the same error"),
              UFFD_FEATURE_POISON, "Linux 6.6");
  AddOptional(report,
              Need("threadId", "knowing which thread faults (THREAD_ID)", false, false,
                   "read-ahead follows each region instead of each thread"),
              UFFD_FEATURE_THREAD_ID, "Linux 4.14");

  const ProbeNeed* unmet = FirstUnmet(*report);
  if (unmet == nullptr) {
    report->paging = Paging::kYes;
    report->summary = "yes: this machine can page with userfaultfd";
  } else if (IsMet(*report, "userfaultfd") && IsMet(*report, "writeProtect")) {
    report->paging = Paging::kUserModeOnly;
    report->summary = "no: this process gets a userfaultfd for its own code only, while system "
                      "calls on a region need it as well";
  } else {
    report->paging = Paging::kNo;
    report->summary = "no: this process cannot page with userfaultfd, for want of " + unmet->title;
  }
}

}  // namespace umap
