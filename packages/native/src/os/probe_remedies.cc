// See probe_remedies.h.
#include "os/probe_remedies.h"

#include <unistd.h>

#include <cstring>

namespace umap {

namespace {

// What to set so that faults of the kernel may be handled. Any one is enough.
constexpr const char* kSysctlText =
    "allow it to everybody on this machine: sysctl -w vm.unprivileged_userfaultfd=1 "
    "(for good: a line in /etc/sysctl.d/60-userfaultfd.conf)";
constexpr const char* kSeccompText =
    "allow userfaultfd in the seccomp filter, by a copy of the default profile: jq "
    "'del(.syscalls[].names[] | select(. == \"userfaultfd\")) | .syscalls += [{\"names\": "
    "[\"userfaultfd\"], \"action\": \"SCMP_ACT_ALLOW\"}]' default.json > umap.json, where "
    "default.json is /usr/share/containers/seccomp.json of Podman or seccomp/default.json of "
    "github.com/moby/profiles. Docker and Podman: --security-opt seccomp=umap.json. Kubernetes: "
    "securityContext.seccompProfile of type Localhost. systemd: SystemCallFilter=userfaultfd";
constexpr const char* kDeviceAccessText =
    "give this process read and write access to the device node: chmod 0666 /dev/userfaultfd until "
    "the next boot; for good a udev rule, in /etc/udev/rules.d/60-userfaultfd.rules: "
    "KERNEL==\"userfaultfd\", MODE=\"0666\" (or MODE=\"0660\" with GROUP=\"a group of this user\")";
constexpr const char* kDevicePassText =
    "pass the device into the container: --device /dev/userfaultfd (Docker, Podman), with a node "
    "that the container's user may open; a seccomp filter does not stop this way";
constexpr const char* kKernelConfigText =
    "a kernel built with CONFIG_USERFAULTFD=y (since Linux 4.3)";

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
  if (CauseOf(report, UffdWay::kDevice) != RefusalCause::kSeccomp) {
    remedies->push_back(DeviceRemedy(report));
  }
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

}  // namespace

std::vector<Remedy> AccessRemedies(const ProbeReport& report) {
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

std::vector<Recipe> AccessRecipes(const ProbeReport& report) {
  const RefusalCause cause = CauseOf(report, UffdWay::kSystemCall);
  if (cause != RefusalCause::kPermission && cause != RefusalCause::kSeccomp) return {};
  std::vector<Recipe> recipes;
  const bool has_device = report.permissions.device_minor &&
                          CauseOf(report, UffdWay::kDevice) != RefusalCause::kSeccomp;
  if (report.permissions.unprivileged_userfaultfd) {
    recipes.push_back({"machine", "sysctl -w vm.unprivileged_userfaultfd=1"});
  }
  if (has_device) recipes.push_back({"machine", "chmod 0666 /dev/userfaultfd"});
  recipes.push_back({"machine", "setcap cap_sys_ptrace+ep " + ProgramPath()});
  for (const char* program : {"docker", "podman"}) {
    const std::string run = std::string(program) + " run ";
    // A container has its host's node, with the host's mode.
    if (has_device) {
      recipes.push_back({program, run + "--device /dev/userfaultfd IMAGE, after chmod 0666 "
                                        "/dev/userfaultfd on the host unless the user is root"});
    }
    recipes.push_back({program, run + "--security-opt seccomp=umap.json --cap-add SYS_PTRACE "
                                      "IMAGE, as root in a container that is not rootless"});
    recipes.push_back({program, run + "--security-opt seccomp=umap.json IMAGE, after the sysctl on "
                                      "the host"});
  }
  recipes.push_back({"kubernetes",
                     "securityContext: {seccompProfile: {type: Localhost, localhostProfile: "
                     "umap.json}, capabilities: {add: [SYS_PTRACE]}}, as root in the container; "
                     "umap.json lies in the kubelet's seccomp folder, /var/lib/kubelet/seccomp"});
  if (has_device) {
    recipes.push_back({"kubernetes", "/dev/userfaultfd by a device plugin (a hostPath volume alone "
                                     "is refused by the device cgroup)"});
  }
  return recipes;
}

std::vector<Remedy> UserModeRemedies(const ProbeReport& report) {
  switch (CauseOf(report, UffdWay::kUserModeOnly)) {
    case RefusalCause::kNone:
      return {};
    case RefusalCause::kSeccomp:
      return {{"seccomp", kSeccompText}};
    case RefusalCause::kKernel:
      return {{"kernel", "Linux 5.11 or later with CONFIG_USERFAULTFD=y"}};
    default:
      return AccessRemedies(report);
  }
}

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

const ProbeCheck* FindCheck(const std::vector<ProbeCheck>& checks, const char* key) {
  for (const ProbeCheck& check : checks) {
    if (std::strcmp(check.json_key, key) == 0) return &check;
  }
  return nullptr;
}

bool Passed(const std::vector<ProbeCheck>& checks, const char* key) {
  const ProbeCheck* check = FindCheck(checks, key);
  return check != nullptr && check->ok == true;
}

}  // namespace umap
