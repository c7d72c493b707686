// What the kernel left in a signal's ucontext, which each processor and system spells its own way:
// fault_context_linux.cc, fault_context_darwin.cc. Everything here is async-signal-safe.
#pragma once

#include <signal.h>

#include "os/fault_signal.h"

namespace umap {

struct FaultCause {
  FaultAccess access = FaultAccess::kUnknown;
  // The processor wanted to execute what is at the address.
  bool is_instruction_fetch = false;
};

// Why the fault was raised. REQUIRES: `context` and `info` of a SIGSEGV or SIGBUS that the kernel
// raised for the current instruction.
FaultCause DecodeFault(const siginfo_t& info, const void* context);

// The signals that the interrupted code had blocked; they are blocked again when the handler ends.
sigset_t InterruptedMask(const void* context);

}  // namespace umap
