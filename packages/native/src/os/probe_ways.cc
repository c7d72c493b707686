// Judges the ways in which faults can arrive.
#include "os/probe_ways.h"

#include <set>

#include "os/probe_remedies.h"
#include "os/probe_signals.h"

namespace umap {

namespace {

const char* NameOf(UffdWay way) {
  switch (way) {
    case UffdWay::kSystemCall: return "userfaultfd(2)";
    case UffdWay::kDevice: return "/dev/userfaultfd";
    case UffdWay::kUserModeOnly: return "userfaultfd(2) in user mode";
  }
  return "";
}

const char* TextOf(RefusalCause cause) {
  switch (cause) {
    case RefusalCause::kNone: return "";
    case RefusalCause::kPermission: return "this user has no permission";
    case RefusalCause::kSeccomp: return "a seccomp filter refuses it";
    case RefusalCause::kKernel: return "this kernel does not have it";
    case RefusalCause::kDevice: return "there is no usable device node";
    case RefusalCause::kResources: return "no descriptor or memory is left";
    case RefusalCause::kOther: return "the cause is unknown";
  }
  return "";
}

// Empty where that way is open.
std::string RefusalOf(const ProbeReport& report, UffdWay way) {
  const UffdAttempt* attempt = FindAttempt(report, way);
  if (attempt == nullptr || attempt->error == 0) return {};
  return std::string(NameOf(way)) + " fails with " + ErrorName(attempt->error) + ": " +
         TextOf(attempt->cause);
}

// The first of `keys` that did not pass; empty when all did.
std::string FirstFailure(const std::vector<ProbeCheck>& checks,
                         std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const ProbeCheck* check = FindCheck(checks, key);
    if (check == nullptr) return std::string(key) + " was not tried";
    if (check->ok != true) return std::string(key) + " failed: " + check->detail;
  }
  return {};
}

FaultWay Judged(FaultMode mode, std::string reason, std::vector<Remedy> remedies) {
  FaultWay way;
  way.mode = mode;
  way.works = reason.empty();
  if (!way.works) way.remedies = std::move(remedies);
  way.reason = std::move(reason);
  return way;
}

Remedy OtherKernel(const ProbeReport& report) {
  return {"kernel", "another kernel than " + report.system.kernel_release};
}

FaultWay JudgeUserfaultfd(const ProbeReport& report) {
  if (Works(report, UffdWay::kSystemCall) || Works(report, UffdWay::kDevice)) {
    return Judged(FaultMode::kUserfaultfd,
                  FirstFailure(report.checks, {"register", "missingFault", "copyWriteProtected",
                                               "writeProtectFault", "systemCallFault"}),
                  {OtherKernel(report)});
  }
  return Judged(FaultMode::kUserfaultfd,
                RefusalOf(report, UffdWay::kSystemCall) + "; " +
                    RefusalOf(report, UffdWay::kDevice),
                AccessRemedies(report));
}

FaultWay JudgeUserMode(const ProbeReport& report) {
  if (!Works(report, UffdWay::kUserModeOnly)) {
    return Judged(FaultMode::kUserfaultfdUserMode, RefusalOf(report, UffdWay::kUserModeOnly),
                  UserModeRemedies(report));
  }
  return Judged(FaultMode::kUserfaultfdUserMode,
                FirstFailure(report.user_mode_checks, {"register", "missingFault",
                                                       "copyWriteProtected", "writeProtectFault"}),
                {OtherKernel(report)});
}

FaultWay JudgeSignal(const ProbeReport& report) {
  return Judged(FaultMode::kSignal, FirstFailure(report.signal_checks, {kSignalCheck}),
                {{"policy", "allow memfd_create, mmap and mprotect, and signal handlers for "
                            "SIGSEGV: they are refused by a seccomp filter or a security module"}});
}

FaultWay JudgeInThread(const ProbeReport& report) {
  if (!report.way) {
    return Judged(FaultMode::kInThread, RefusalOf(report, UffdWay::kUserModeOnly),
                  UserModeRemedies(report));
  }
  return Judged(FaultMode::kInThread, FirstFailure(report.signal_checks, {kInThreadCheck}),
                {{"kernel", "Linux 5.7 or later on x86-64, 6.10 on arm64"}});
}

const char* PlainWords(FaultMode mode) {
  switch (mode) {
    case FaultMode::kUserfaultfd: return "userfaultfd";
    case FaultMode::kUserfaultfdUserMode: return "userfaultfd in user mode";
    case FaultMode::kSignal: return "signals";
    case FaultMode::kInThread: return "signals of userfaultfd";
    case FaultMode::kShared: break;  // not a way of this process
  }
  return "";
}

// A word or two for each kind of remedy; the words in full are the doctor's.
std::string ShortText(const Remedy& remedy) {
  const std::string kind = remedy.kind;
  if (kind == "device") return "access to /dev/userfaultfd";
  if (kind == "sysctl") return "sysctl -w vm.unprivileged_userfaultfd=1";
  if (kind == "capability") return "CAP_SYS_PTRACE";
  if (kind == "seccomp") return "a seccomp filter that allows userfaultfd";
  return remedy.text;
}

std::string ShortTexts(const std::vector<Remedy>& remedies) {
  std::set<std::string> seen;
  std::string texts;
  for (const Remedy& remedy : remedies) {
    const std::string text = ShortText(remedy);
    if (!seen.insert(text).second) continue;
    if (!texts.empty()) texts += ", or ";
    texts += text;
  }
  return texts;
}

}  // namespace

void JudgeWays(ProbeReport* report) {
  report->ways = {JudgeUserfaultfd(*report), JudgeUserMode(*report), JudgeSignal(*report),
                  JudgeInThread(*report)};
  report->auto_mode.reset();
  for (const FaultWay& way : report->ways) {
    if (!way.works || way.mode == FaultMode::kInThread) continue;
    report->auto_mode = way.mode;
    break;
  }
  report->recipes = report->ways.front().works ? std::vector<Recipe>() : AccessRecipes(*report);
  if (!report->auto_mode) {
    report->paging = Paging::kNo;
    report->summary = "no: there is no way here in which page faults arrive";
  } else if (ServesSystemCalls(*report->auto_mode)) {
    report->paging = Paging::kYes;
    report->summary = "yes: this machine can page with userfaultfd";
  } else {
    report->paging = Paging::kLimited;
    report->summary = std::string("yes, second best: this machine can page with ") +
                      PlainWords(*report->auto_mode) +
                      ", and system calls on absent pages fail with EFAULT";
  }
}

std::string SystemCallWarning(const ProbeReport& report, FaultMode mode) {
  std::string text = std::string("faults arrive by ") + PlainWords(mode) + " (faultMode '" +
                     umap::NameOf(mode) +
                     "'): a system call on an absent page of a region, such as fs.write or "
                     "socket.write makes, fails with EFAULT. Hand it pinned memory: "
                     "region.withResident(range, fn) or region.pin(range). ";
  const FaultWay& best = report.ways.front();
  if (best.works) return text + "userfaultfd works here and has no such limit: faults: 'auto'";
  return text + "What gives userfaultfd, which has no such limit: " + ShortTexts(best.remedies) +
         " (umap doctor says how)";
}

}  // namespace umap
