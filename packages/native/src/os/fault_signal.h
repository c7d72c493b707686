// The source of faults that needs no kernel feature: SIGSEGV and SIGBUS on the thread that touches.
// One handler a process, in front of the handlers that were there before, which get what is not
// ours as the kernel would have delivered it; only, on a thread with an alternate stack they are
// called on that stack, whether they asked for it or not. See sigaction(2), signal-safety(7).
#pragma once

#include <cstdint>

#include "os/status.h"

namespace umap {

enum class FaultAccess : uint8_t {
  // This platform does not say: a fault on a page that can be read is a write.
  kUnknown,
  kRead,
  kWrite,
};

// What a thread ran into. Valid until the handler returns.
struct SignalFault {
  // The byte that was touched, not the page's first.
  uint64_t address;
  FaultAccess access;
  // SIGSEGV: the mapping forbids it. SIGBUS: nothing is behind the mapping.
  int signal;
  // The ucontext_t of the interrupted code.
  void* context;
};

// Called on the thread that touched, with every signal blocked and errno kept for it; may be on an
// alternate stack of a few KiB. True: it can be tried again. False: not ours.
//
// Signals that another process or thread sent, and faults that no page can cure (instruction
// fetches, misalignment, hardware errors), do not come here.
//
// REQUIRES: async-signal-safe; and what it calls, too. It must not touch a region's memory itself.
using FaultHandler = bool (*)(const SignalFault& fault);

// Installs the handler in front of what is installed now, for the life of the process; the code
// stays loaded for as long. Called again, as each region opens, it puts the handler back in front
// where somebody else has installed one meanwhile. REQUIRES: the same `handler` each time.
// Any thread, but not a signal handler.
Status InstallFaultSignals(FaultHandler handler);

// While a FaultHandler waits: the signals that the interrupted code had open are open again, so
// that timers, profilers and interruptions work as in a blocking system call. Their handlers may
// touch regions, and so run the FaultHandler again, on top of this one.
// REQUIRES: the handler holds nothing that such a handler could want.
class InterruptedSignals {
 public:
  explicit InterruptedSignals(const SignalFault& fault);
  ~InterruptedSignals();
  InterruptedSignals(const InterruptedSignals&) = delete;
  InterruptedSignals& operator=(const InterruptedSignals&) = delete;
};

}  // namespace umap
