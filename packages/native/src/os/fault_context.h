// What the kernel says about a signal, which each processor and system spells its own way:
// fault_context_linux.cc, fault_context_darwin.cc. All of it is async-signal-safe.
#pragma once

#include <signal.h>

#include "os/fault_signal.h"

namespace umap {

// How a SIGSEGV or SIGBUS came about.
struct FaultCause {
  // The current instruction raised it; else a process or thread sent it, or it reports damage that
  // the hardware found elsewhere. When it is ignored or blocked, the kernel ends the process.
  bool is_synchronous = false;
  // Another protection, or a page where there is none, lets the instruction succeed.
  bool is_curable = false;
  FaultAccess access = FaultAccess::kUnknown;
};

// `info`, `context`: what a handler with SA_SIGINFO is called with.
FaultCause DecodeFault(const siginfo_t& info, const void* context);

// The signals that the interrupted code had blocked; they are blocked again when the handler ends.
sigset_t InterruptedMask(const void* context);

// Whether `set` has every signal of `part`; and both together.
bool Includes(const sigset_t& set, const sigset_t& part);
sigset_t Union(const sigset_t& one, const sigset_t& other);

// Makes this signal arrive again at this thread, with the same information, as soon as it is open.
// Where the system has no call for that, the instruction raises it when it is tried again.
void RaiseAgain(const siginfo_t& info);

}  // namespace umap
