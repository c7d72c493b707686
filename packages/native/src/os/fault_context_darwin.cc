// See fault_context.h. macOS, where a page without rights raises SIGBUS, and an address where
// nothing is mapped raises SIGSEGV. Compiled, but never run.
#include <pthread.h>
#include <sys/ucontext.h>

#include <cstdint>

#include "os/fault_context.h"

namespace umap {
namespace {

// Codes of signals that were sent: 0, or from here on.
constexpr int kSentCodesBegin = 0x10000;

const ucontext_t& Interrupted(const void* context) {
  return *static_cast<const ucontext_t*>(context);
}

#if defined(__x86_64__)

FaultAccess AccessOf(const ucontext_t& context) {
  constexpr uint32_t kErrorWrite = 1 << 1;
  return context.uc_mcontext->__es.__err & kErrorWrite ? FaultAccess::kWrite : FaultAccess::kRead;
}

uint64_t ProgramCounter(const ucontext_t& context) { return context.uc_mcontext->__ss.__rip; }

#else

// The exception syndrome register of arm64: see fault_context_linux.cc.
FaultAccess AccessOf(const ucontext_t& context) {
  const uint32_t syndrome = context.uc_mcontext->__es.__esr;
  const bool writes = (syndrome >> 6 & 1) && !(syndrome >> 8 & 1);
  return writes ? FaultAccess::kWrite : FaultAccess::kRead;
}

uint64_t ProgramCounter(const ucontext_t& context) {
  return static_cast<uint64_t>(__darwin_arm_thread_state64_get_pc(context.uc_mcontext->__ss));
}

#endif

}  // namespace

FaultCause DecodeFault(const siginfo_t& info, const void* context) {
  FaultCause cause;
  if (info.si_code <= 0 || info.si_code >= kSentCodesBegin) return cause;
  cause.is_synchronous = true;
  cause.access = AccessOf(Interrupted(context));
  const bool is_fetch =
      ProgramCounter(Interrupted(context)) == reinterpret_cast<uint64_t>(info.si_addr);
  const bool is_page_missing = info.si_signo == SIGBUS || info.si_code == SEGV_ACCERR;
  cause.is_curable = is_page_missing && !is_fetch;
  return cause;
}

sigset_t InterruptedMask(const void* context) { return Interrupted(context).uc_sigmask; }

bool Includes(const sigset_t& set, const sigset_t& part) { return (part & ~set) == 0; }

sigset_t Union(const sigset_t& one, const sigset_t& other) { return one | other; }

void RaiseAgain(const siginfo_t& info) {
  const bool is_sent = info.si_code <= 0 || info.si_code >= kSentCodesBegin;
  if (is_sent) pthread_kill(pthread_self(), info.si_signo);
}

}  // namespace umap
