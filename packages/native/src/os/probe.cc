// Runs the parts of the probe one after the other; each lives in a file of its own.
#include "os/probe.h"

#include "os/probe_needs.h"
#include "os/probe_round_trip.h"
#include "os/probe_signals.h"
#include "os/probe_system.h"
#include "os/probe_userfaultfd.h"
#include "os/probe_ways.h"

namespace umap {

namespace {

std::optional<UffdWay> FirstThatWorks(const std::vector<UffdAttempt>& attempts) {
  for (const UffdAttempt& attempt : attempts) {
    if (attempt.error == 0) return attempt.way;
  }
  return std::nullopt;
}

// A descriptor of its own: asking with no features is what makes the kernel list them all.
uint64_t OfferedFeatures(UffdWay way) {
  int error = 0;
  const UniqueFd uffd = OpenUserfaultfd(way, &error);
  uint64_t offered = 0;
  if (uffd.valid()) NegotiateFeatures(uffd.get(), 0, &offered);
  return offered;
}

ProbeReport Examine() {
  ProbeReport report;
  report.system = ReadSystem();
  report.permissions = ReadPermissions();
  report.attempts = TryWays(report.permissions);
  report.way = FirstThatWorks(report.attempts);
  if (report.way) report.features = OfferedFeatures(*report.way);
  report.checks = TryRoundTrip(report.way, report.features);
  report.user_mode_checks = report.checks;
  if (report.way && report.way != UffdWay::kUserModeOnly) {
    const bool available = report.attempts.back().error == 0;
    report.user_mode_checks = TryRoundTrip(
        available ? std::optional(UffdWay::kUserModeOnly) : std::nullopt, report.features);
  }
  return report;
}

}  // namespace

ProbeReport Probe() {
  ProbeReport report = Examine();
  report.signal_checks = TrySignals(report.way, report.features);
  Judge(&report);
  return report;
}

ProbeReport ProbeUserfaultfd() {
  ProbeReport report = Examine();
  for (const char* key : {kSignalCheck, kInThreadCheck}) {
    report.signal_checks.push_back({key, true, {}});
  }
  Judge(&report);
  return report;
}

void Judge(ProbeReport* report) {
  JudgeWays(report);
  JudgeNeeds(report);
}

}  // namespace umap
