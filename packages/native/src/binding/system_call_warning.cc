// See system_call_warning.h. In the binding, because it speaks of what JavaScript can do.
#include "binding/system_call_warning.h"

#include <atomic>

#include "os/log.h"
#include "os/probe.h"

namespace umap {

void WarnOfSystemCalls(FaultMode mode) {
  static std::atomic<bool> warned{false};
  if (ServesSystemCalls(mode) || !LogEnabled(LogLevel::kWarning)) return;
  if (warned.exchange(true)) return;
  Log(LogLevel::kWarning, SystemCallWarning(ProbeUserfaultfd(), mode));
}

}  // namespace umap
