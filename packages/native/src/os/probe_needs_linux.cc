// Judges the findings: what the engine uses, and what it does without it.
#include "os/probe_needs.h"

#include "os/probe_remedies.h"
#include "os/uffd_abi.h"

namespace umap {

namespace {

// A kernel that offers a feature and then fails at it cannot be repaired by a setting.
std::vector<Remedy> FeatureRemedies(const ProbeReport& report, uint64_t bit, const char* check_key,
                                    const std::string& since) {
  if (!report.way) return {{"kernel", "first a userfaultfd, then it can be tried"}};
  const ProbeCheck* check = FindCheck(report.checks, check_key);
  const bool offered = (report.features & bit) != 0;
  if (!offered || check == nullptr) return {{"kernel", since}};
  return {{"kernel", "the kernel offers it, but the trial failed (" + check->detail +
                         "): another kernel than " + report.system.kernel_release}};
}

ProbeNeed Need(const char* key, const char* title, bool met, const char* fallback) {
  ProbeNeed need;
  need.json_key = key;
  need.title = title;
  need.met = met;
  need.fallback = fallback;
  return need;
}

// What the best way consists of; the next best ones do without.
void AddBestWay(ProbeReport* report) {
  const std::vector<Remedy> access = AccessRemedies(*report);
  const bool privileged =
      Works(*report, UffdWay::kSystemCall) || Works(*report, UffdWay::kDevice);

  ProbeNeed any = Need("userfaultfd", "a userfaultfd whose faults are delivered",
                       Passed(report->checks, "missingFault"),
                       "faults arrive as signals, and mprotect lets pages in");
  if (!any.met) {
    any.remedies = report->way ? FeatureRemedies(*report, ~uint64_t{0}, "missingFault", "")
                               : access;
  }
  report->needs.push_back(std::move(any));

  ProbeNeed kernel = Need("kernelFaults", "faults inside system calls",
                          privileged && Passed(report->checks, "systemCallFault"),
                          "system calls on absent pages fail with EFAULT: hand them pinned memory");
  if (!kernel.met) {
    kernel.remedies = privileged
                          ? FeatureRemedies(*report, ~uint64_t{0}, "systemCallFault", "")
                          : access;
  }
  report->needs.push_back(std::move(kernel));

  const bool arrives = Passed(report->checks, "copyWriteProtected");
  ProbeNeed protect = Need("writeProtect", "write-protect faults on anonymous memory",
                           arrives && Passed(report->checks, "writeProtectFault"),
                           "faults of writable regions arrive as signals");
  if (!protect.met) {
    const char* key = arrives ? "writeProtectFault" : "copyWriteProtected";
    protect.remedies = FeatureRemedies(*report, UFFD_FEATURE_PAGEFAULT_FLAG_WP, key,
                                       "Linux 5.7 on x86-64, Linux 6.10 on arm64");
  }
  report->needs.push_back(std::move(protect));
}

void AddOptional(ProbeReport* report, ProbeNeed need, uint64_t bit, const char* since) {
  need.met = Passed(report->checks, need.json_key);
  if (!need.met) need.remedies = FeatureRemedies(*report, bit, need.json_key, since);
  report->needs.push_back(std::move(need));
}

}  // namespace

void JudgeNeeds(ProbeReport* report) {
  report->needs.clear();
  ProbeNeed any = Need("faults", "a way in which page faults arrive", report->auto_mode.has_value(),
                       "");
  any.required = true;
  if (!any.met) {
    for (const FaultWay& way : report->ways) {
      any.remedies.insert(any.remedies.end(), way.remedies.begin(), way.remedies.end());
    }
  }
  report->needs.push_back(std::move(any));
  AddBestWay(report);
  AddOptional(report, Need("move", "moving pages (MOVE)", false, "pages are copied"),
              UFFD_FEATURE_MOVE, "Linux 6.8");
  AddOptional(report,
              Need("poison", "poisoning pages that cannot be filled (POISON)", false,
                   "a mapping behind the end of a file raises the same error"),
              UFFD_FEATURE_POISON, "Linux 6.6");
  AddOptional(report,
              Need("threadId", "knowing which thread faults (THREAD_ID)", false,
                   "read-ahead follows each region instead of each thread"),
              UFFD_FEATURE_THREAD_ID, "Linux 4.14");
}

}  // namespace umap
