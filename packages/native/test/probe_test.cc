// The probe on this machine as it is, and on machines made worse: child processes without
// privileges, under seccomp filters that refuse one system call or one ioctl, out of descriptors.
#include "os/probe.h"

#include <dirent.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <functional>

#include "os/probe_needs.h"
#include "os/probe_system.h"
#include "os/uffd_abi.h"
#include "test/expect.h"

namespace umap {
namespace {

constexpr uid_t kNobody = 65534;

size_t CountEntries(const char* directory) {
  DIR* entries = opendir(directory);
  size_t count = 0;
  while (entries != nullptr && readdir(entries) != nullptr) ++count;
  if (entries != nullptr) closedir(entries);
  return count;
}

size_t CountLines(const std::string& text) {
  size_t count = 0;
  for (const char c : text) count += c == '\n';
  return count;
}

// Probes in a child process, after `prepare` has taken something away from it. The report comes
// back as JSON; empty when `prepare` returned false or the child did not end well.
std::string ProbeInChild(const std::function<bool()>& prepare) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    if (!prepare()) _exit(1);
    const std::string json = ProbeReportJson(Probe());
    const ssize_t bytes = write(ends[1], json.data(), json.size());
    _exit(bytes == static_cast<ssize_t>(json.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string json;
  char chunk[4096];
  for (ssize_t bytes; (bytes = read(ends[0], chunk, sizeof chunk)) > 0;) {
    json.append(chunk, static_cast<size_t>(bytes));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? json : std::string();
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// From now on system call `number` fails with `error`; with `request`, only if that is its second
// argument.
bool Refuse(uint32_t number, int error, std::optional<uint32_t> request = std::nullopt) {
  const sock_filter when_any[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      // The low half of the second argument.
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | (request ? BPF_JEQ : BPF_JGE) | BPF_K, request.value_or(0), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {std::size(when_any), const_cast<sock_filter*>(when_any)};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool BecomeNobody() {
  return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
         setresuid(kNobody, kNobody, kNobody) == 0;
}

// For tests that start from a machine on which everything works.
bool HasEverything() {
  if (Probe().paging == Paging::kYes && Probe().way == UffdWay::kSystemCall) return true;
  std::printf("(skipped: this process may not use the system call) ");
  return false;
}

// For tests in which permission is missing once a child is somebody else.
bool IsRootWithSysctlOff() {
  const PermissionReport permissions = Probe().permissions;
  if (permissions.effective_user_id == 0 && permissions.initial_user_namespace == true &&
      permissions.unprivileged_userfaultfd == 0u) {
    return true;
  }
  std::printf("(skipped: needs root and vm.unprivileged_userfaultfd=0) ");
  return false;
}

// A machine on which everything works, made up.
ProbeReport WorkingMachine() {
  ProbeReport report;
  report.permissions.unprivileged_userfaultfd = 1;
  report.permissions.device_minor = 126;
  report.way = UffdWay::kSystemCall;
  for (const UffdFeature& feature : UffdFeatures()) report.features |= feature.bit;
  for (const UffdWay way : {UffdWay::kSystemCall, UffdWay::kDevice, UffdWay::kUserModeOnly}) {
    report.attempts.push_back({way, 0, RefusalCause::kNone});
  }
  for (const char* key : {"register", "missingFault", "copyWriteProtected", "writeProtectFault",
                          "threadId", "systemCallFault", "poison", "move"}) {
    report.checks.push_back({key, true, {}});
  }
  report.user_mode_checks = report.checks;
  for (const char* key : {"signalFault", "inThreadFault"}) {
    report.signal_checks.push_back({key, true, {}});
  }
  return report;
}

// The same where this process may not use the system call, by its permissions or by a filter.
ProbeReport MachineThatRefuses(RefusalCause cause) {
  ProbeReport report = WorkingMachine();
  report.permissions.unprivileged_userfaultfd = 0;
  report.attempts[0] = {UffdWay::kSystemCall, EPERM, cause};
  report.attempts[1] = {UffdWay::kDevice, ENOENT, RefusalCause::kDevice};
  report.way = UffdWay::kUserModeOnly;
  if (cause == RefusalCause::kSeccomp) {
    report.attempts[2] = {UffdWay::kUserModeOnly, EPERM, cause};
    report.way = std::nullopt;
  }
  report.checks = report.user_mode_checks;
  report.checks[5] = {"systemCallFault", false, "the system call failed with EFAULT"};
  return report;
}

const FaultWay& FindWay(const ProbeReport& report, FaultMode mode) {
  for (const FaultWay& way : report.ways) {
    if (way.mode == mode) return way;
  }
  return report.ways.front();
}

bool HasRecipe(const ProbeReport& report, const char* place, const char* part) {
  for (const Recipe& recipe : report.recipes) {
    if (std::strcmp(recipe.place, place) == 0 && Contains(recipe.text, part)) return true;
  }
  return false;
}

void FailCheck(ProbeReport* report, const char* key) {
  for (ProbeCheck& check : report->checks) {
    if (std::strcmp(check.json_key, key) == 0) check.ok = std::nullopt;
  }
}

const ProbeNeed& FindNeed(const ProbeReport& report, const char* key) {
  for (const ProbeNeed& need : report.needs) {
    if (std::strcmp(need.json_key, key) == 0) return need;
  }
  return report.needs.front();
}

TEST(probe_reports_every_way_feature_and_check) {
  const ProbeReport report = Probe();
  EXPECT_EQ(report.attempts.size(), 3u);
  EXPECT_EQ(report.checks.size(), 8u);
  EXPECT_EQ(UffdFeatures().size(), 17u);
  EXPECT_EQ(report.system.os, "linux");
  EXPECT_EQ(report.system.page_bytes, static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_GT(report.system.mem_total_bytes.value_or(0), report.system.page_bytes);
  for (const ProbeNeed& need : report.needs) EXPECT_EQ(need.met, need.remedies.empty());
}

TEST(probe_leaves_no_descriptor_thread_or_mapping) {
  constexpr size_t kRounds = 20;
  // The C library keeps stacks for the next threads, and sanitizers map their own memory.
  for (size_t i = 0; i < kRounds; ++i) Probe();
  const size_t descriptors = CountEntries("/proc/self/fd");
  const size_t threads = CountEntries("/proc/self/task");
  const size_t mappings = CountLines(ReadTextFile("/proc/self/maps").value_or(""));
  for (size_t i = 0; i < kRounds; ++i) Probe();
  EXPECT_EQ(CountEntries("/proc/self/fd"), descriptors);
  // A joined thread may be listed a moment longer; something that every probe leaves behind would
  // be more.
  EXPECT_LT(CountEntries("/proc/self/task"), threads + kRounds);
  EXPECT_LT(CountLines(ReadTextFile("/proc/self/maps").value_or("")), mappings + kRounds);
}

TEST(unprivileged_process_is_told_of_device_sysctl_and_capability) {
  if (!IsRootWithSysctlOff()) return;
  const std::string json = ProbeInChild(BecomeNobody);
  EXPECT_TRUE(Contains(json, R"("effectiveUserId":65534)"));
  EXPECT_TRUE(Contains(json, R"("way":"system-call","available":false,"error":"EPERM",)"
                             R"("cause":"permission")"));
  if (Contains(json, R"("way":"device","available":true)")) return;
  EXPECT_TRUE(Contains(json, R"("paging":"limited")"));
  EXPECT_TRUE(Contains(json, R"("faults":{"auto":"userfaultfd-user-mode",)"));
  EXPECT_TRUE(Contains(json, "sysctl -w vm.unprivileged_userfaultfd=1"));
  EXPECT_TRUE(Contains(json, "setcap cap_sys_ptrace+ep /"));
  EXPECT_TRUE(Contains(json, "/dev/userfaultfd") || Contains(json, "Linux 6.1"));
  EXPECT_TRUE(Contains(json, "the system call failed with EFAULT"));
}

TEST(seccomp_filter_is_told_from_missing_permission) {
  if (!HasEverything()) return;
  for (const int error : {EPERM, ENOSYS}) {
    const std::string json = ProbeInChild([=] { return Refuse(SYS_userfaultfd, error); });
    EXPECT_TRUE(Contains(json, R"("seccomp":"filter")"));
    EXPECT_TRUE(Contains(json, R"("way":"system-call","available":false,"error":")" +
                                   ErrorName(error) + R"(","cause":"seccomp")"));
  }
}

TEST(seccomp_filter_does_not_stop_the_device) {
  if (!HasEverything() || access("/dev/userfaultfd", R_OK | W_OK) != 0) return;
  const std::string json = ProbeInChild([] { return Refuse(SYS_userfaultfd, EPERM); });
  EXPECT_TRUE(Contains(json, R"("paging":"yes")"));
  EXPECT_TRUE(Contains(json, R"("userfaultfd":{"way":"device")"));
}

TEST(seccomp_and_missing_permission_are_both_named) {
  if (!IsRootWithSysctlOff()) return;
  const std::string json =
      ProbeInChild([] { return BecomeNobody() && Refuse(SYS_userfaultfd, EPERM); });
  if (Contains(json, R"("way":"device","available":true)")) return;
  EXPECT_TRUE(Contains(json, R"("paging":"limited")"));
  EXPECT_TRUE(Contains(json, R"("faults":{"auto":"signal",)"));
  EXPECT_TRUE(Contains(json, R"("kind":"seccomp")"));
  EXPECT_TRUE(Contains(json, "the seccomp filter must allow it as well"));
}

TEST(seccomp_filter_may_stop_the_device_too) {
  if (!HasEverything() || access("/dev/userfaultfd", R_OK | W_OK) != 0) return;
  const std::string json = ProbeInChild([] {
    return Refuse(SYS_userfaultfd, EPERM) && Refuse(SYS_ioctl, EPERM, USERFAULTFD_IOC_NEW);
  });
  EXPECT_TRUE(Contains(json, R"("way":"device","available":false,"error":"EPERM",)"
                             R"("cause":"seccomp")"));
  EXPECT_FALSE(Contains(json, R"("kind":"device")"));
  EXPECT_FALSE(Contains(json, "--device /dev/userfaultfd"));
}

TEST(fault_that_cannot_be_answered_does_not_hang) {
  if (!HasEverything()) return;
  const std::string json = ProbeInChild([] { return Refuse(SYS_ioctl, EPERM, UFFDIO_COPY); });
  EXPECT_TRUE(Contains(json, R"("faults":{"auto":"signal",)"));
  EXPECT_TRUE(Contains(json, R"("missingFault":{"ok":false,)"
                             R"("detail":"answering the fault: EPERM")"));
  EXPECT_TRUE(Contains(json, R"("move":{"ok":null)"));
}

TEST(write_protect_that_fails_leaves_signals) {
  if (!HasEverything()) return;
  const std::string json =
      ProbeInChild([] { return Refuse(SYS_ioctl, EINVAL, UFFDIO_WRITEPROTECT); });
  EXPECT_TRUE(Contains(json, R"("faults":{"auto":"signal",)"));
  EXPECT_TRUE(Contains(json, R"({"mode":"in-thread","works":false,)"));
  EXPECT_TRUE(Contains(json, "the trial failed (answering the fault: EINVAL)"));
}

TEST(move_that_fails_falls_back_to_copy) {
  if (!HasEverything()) return;
  const std::string json = ProbeInChild([] { return Refuse(SYS_ioctl, EINVAL, UFFDIO_MOVE); });
  EXPECT_TRUE(Contains(json, R"("paging":"yes")"));
  EXPECT_TRUE(Contains(json, R"("met":false,"fallback":"pages are copied")"));
}

TEST(probe_without_descriptors_says_so) {
  const std::string json = ProbeInChild([] {
    const rlimit none = {3, 3};
    return setrlimit(RLIMIT_NOFILE, &none) == 0;
  });
  EXPECT_TRUE(Contains(json, R"("paging":"no")"));
  EXPECT_TRUE(Contains(json, "signalFault failed: preparing memory: EMFILE"));
  EXPECT_TRUE(Contains(json, R"("error":"EMFILE","cause":"resources")"));
  EXPECT_TRUE(Contains(json, "ulimit -n"));
}

TEST(judge_needs_nothing_on_a_working_machine) {
  ProbeReport report = WorkingMachine();
  Judge(&report);
  EXPECT_EQ(report.paging, Paging::kYes);
  EXPECT_TRUE(report.auto_mode == FaultMode::kUserfaultfd);
  for (const ProbeNeed& need : report.needs) EXPECT_TRUE(need.met);
  for (const FaultWay& way : report.ways) EXPECT_TRUE(way.works && way.reason.empty());
  EXPECT_TRUE(report.recipes.empty());
}

TEST(judge_names_the_kernel_that_brings_write_protect) {
  ProbeReport report = WorkingMachine();
  report.features &= ~uint64_t{UFFD_FEATURE_PAGEFAULT_FLAG_WP};
  FailCheck(&report, "copyWriteProtected");
  FailCheck(&report, "writeProtectFault");
  Judge(&report);
  EXPECT_EQ(report.paging, Paging::kLimited);
  EXPECT_TRUE(Contains(FindNeed(report, "writeProtect").remedies.front().text, "Linux 5.7"));
}

TEST(judge_runs_without_optional_features) {
  ProbeReport report = WorkingMachine();
  report.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  for (const char* key : {"move", "poison", "threadId"}) FailCheck(&report, key);
  Judge(&report);
  EXPECT_EQ(report.paging, Paging::kYes);
  for (const char* key : {"move", "poison", "threadId"}) {
    EXPECT_FALSE(FindNeed(report, key).met);
    EXPECT_FALSE(FindNeed(report, key).fallback.empty());
    EXPECT_EQ(FindNeed(report, key).remedies.front().kind, std::string("kernel"));
  }
}

TEST(judge_knows_a_kernel_without_userfaultfd) {
  ProbeReport report = WorkingMachine();
  report.way = std::nullopt;
  report.features = 0;
  report.permissions = {};
  for (UffdAttempt& attempt : report.attempts) {
    attempt = {attempt.way, ENOSYS, RefusalCause::kKernel};
  }
  for (ProbeCheck& check : report.checks) check.ok = std::nullopt;
  Judge(&report);
  EXPECT_TRUE(report.auto_mode == FaultMode::kSignal);
  EXPECT_TRUE(report.recipes.empty());
  const Remedy& remedy = FindNeed(report, "userfaultfd").remedies.front();
  EXPECT_TRUE(Contains(remedy.text, "CONFIG_USERFAULTFD"));
}

TEST(judge_takes_the_best_way_that_works_and_says_why_not_a_better_one) {
  ProbeReport report = MachineThatRefuses(RefusalCause::kPermission);
  Judge(&report);
  EXPECT_EQ(report.paging, Paging::kLimited);
  EXPECT_TRUE(report.auto_mode == FaultMode::kUserfaultfdUserMode);
  const FaultWay& best = FindWay(report, FaultMode::kUserfaultfd);
  EXPECT_TRUE(Contains(best.reason, "userfaultfd(2) fails with EPERM: this user has no"));
  EXPECT_TRUE(Contains(best.reason, "/dev/userfaultfd fails with ENOENT"));
  EXPECT_FALSE(best.remedies.empty());

  report = MachineThatRefuses(RefusalCause::kSeccomp);
  Judge(&report);
  EXPECT_TRUE(report.auto_mode == FaultMode::kSignal);
  EXPECT_FALSE(FindWay(report, FaultMode::kInThread).works);
  EXPECT_TRUE(Contains(FindWay(report, FaultMode::kUserfaultfdUserMode).reason, "seccomp filter"));

  report.signal_checks[0] = {"signalFault", false, "preparing memory: EPERM"};
  Judge(&report);
  EXPECT_EQ(report.paging, Paging::kNo);
  EXPECT_FALSE(report.auto_mode.has_value());
  EXPECT_FALSE(FindNeed(report, "faults").remedies.empty());
}

TEST(judge_has_a_recipe_for_every_kind_of_place) {
  for (const RefusalCause cause : {RefusalCause::kPermission, RefusalCause::kSeccomp}) {
    ProbeReport report = MachineThatRefuses(cause);
    Judge(&report);
    EXPECT_TRUE(HasRecipe(report, "machine", "sysctl -w vm.unprivileged_userfaultfd=1"));
    EXPECT_TRUE(HasRecipe(report, "docker", "docker run --device /dev/userfaultfd"));
    EXPECT_TRUE(HasRecipe(report, "docker", "--security-opt seccomp=umap.json"));
    EXPECT_TRUE(HasRecipe(report, "podman", "podman run --device /dev/userfaultfd"));
    EXPECT_TRUE(HasRecipe(report, "kubernetes", "localhostProfile: umap.json"));
  }
}

TEST(warning_of_system_calls_names_the_way_out_and_the_better_way) {
  ProbeReport report = MachineThatRefuses(RefusalCause::kPermission);
  Judge(&report);
  std::string text = SystemCallWarning(report, FaultMode::kUserfaultfdUserMode);
  EXPECT_TRUE(Contains(text, "EFAULT"));
  EXPECT_TRUE(Contains(text, "region.withResident(range, fn)"));
  EXPECT_TRUE(Contains(text, "sysctl -w vm.unprivileged_userfaultfd=1, or CAP_SYS_PTRACE"));
  report = WorkingMachine();
  Judge(&report);
  text = SystemCallWarning(report, FaultMode::kInThread);
  EXPECT_TRUE(Contains(text, "faultMode 'in-thread'"));
  EXPECT_TRUE(Contains(text, "userfaultfd works here"));
  EXPECT_FALSE(Contains(text, "\n"));
}

TEST(signals_are_tried_for_real) {
  const ProbeReport report = Probe();
  EXPECT_TRUE(FindWay(report, FaultMode::kSignal).works);
  EXPECT_EQ(report.ways.size(), 4u);
  // A kernel that offers SIGBUS to this user must deliver it.
  const bool offered = (report.features & UFFD_FEATURE_SIGBUS) != 0;
  EXPECT_EQ(FindWay(report, FaultMode::kInThread).works, offered && report.way.has_value());
}

TEST(probe_leaves_signal_handlers_and_signals_alone) {
  const auto handler = [](int) {};
  struct sigaction mine = {}, before = {}, after = {};
  mine.sa_handler = handler;
  sigaction(SIGSEGV, &mine, &before);
  sigset_t mask, mask_after;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  Probe();
  sigaction(SIGSEGV, &before, &after);
  EXPECT_TRUE(after.sa_handler == mine.sa_handler);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
  EXPECT_EQ(sigismember(&mask, SIGTERM), sigismember(&mask_after, SIGTERM));
  // No child is left that nobody has waited for.
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(signal_way_that_is_refused_is_reported) {
  const std::string memory = ProbeInChild([] { return Refuse(SYS_memfd_create, EPERM); });
  EXPECT_TRUE(Contains(memory, "signalFault failed: preparing memory: EPERM"));
  const std::string protect = ProbeInChild([] {
    return Refuse(SYS_mprotect, EACCES, static_cast<uint32_t>(sysconf(_SC_PAGESIZE)));
  });
  EXPECT_TRUE(Contains(protect, "signalFault failed: answering the signal: EACCES"));
}

TEST(json_escapes_what_others_wrote) {
  ProbeReport report = WorkingMachine();
  report.checks.front().detail = "a \"quoted\" \\ line\n";
  EXPECT_TRUE(Contains(ProbeReportJson(report), R"("detail":"a \"quoted\" \\ line\u000a")"));
}

TEST(fields_and_numbers_are_read_exactly) {
  const std::string text = "Name:\tnode\nSeccomp:\t2\nEmpty:\nLast: 7 kB";
  EXPECT_EQ(FindField(text, "Seccomp:").value_or("none"), "2");
  EXPECT_EQ(FindField(text, "Empty:").value_or("none"), "");
  EXPECT_EQ(FindField(text, "Last:").value_or("none"), "7 kB");
  EXPECT_FALSE(FindField(text, "comp:").has_value());
  EXPECT_EQ(ParseNumber("7 kB").value_or(0), 7u);
  EXPECT_EQ(ParseNumber("000001fffeffffff", 16).value_or(0), 0x1fffeffffffu);
  EXPECT_FALSE(ParseNumber("max").has_value());
  EXPECT_FALSE(ParseNumber("-1").has_value());
  EXPECT_FALSE(ParseNumber("").has_value());
}

}  // namespace
}  // namespace umap
