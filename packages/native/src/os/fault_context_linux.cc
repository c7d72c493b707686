// See fault_context.h. Linux; what is told apart on a processor comes from its error code.
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "os/fault_context.h"

namespace umap {
namespace {

// What the processor says about a fault.
struct Access {
  FaultAccess kind = FaultAccess::kUnknown;
  // It wanted to execute what is at the address.
  bool is_fetch = false;
};

// The kernel's own signal set, shorter than the C library's.
using KernelMask = uint64_t;

KernelMask MaskOf(const sigset_t& set) {
  KernelMask mask;
  std::memcpy(&mask, &set, sizeof mask);
  return mask;
}

sigset_t SetOf(KernelMask mask) {
  sigset_t set;
  sigemptyset(&set);
  std::memcpy(&set, &mask, sizeof mask);
  return set;
}

#if defined(__x86_64__)

// The page fault's error code, as the processor pushed it.
constexpr uint64_t kErrorWrite = 1 << 1;
constexpr uint64_t kErrorFetch = 1 << 4;

Access Decode(const ucontext_t& context) {
  const auto error = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_ERR]);
  return {error & kErrorWrite ? FaultAccess::kWrite : FaultAccess::kRead,
          (error & kErrorFetch) != 0};
}

uint64_t ProgramCounter(const ucontext_t& context) {
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
}

#elif defined(__aarch64__)

// The exception syndrome register: class in bits 31 to 26; for data aborts "write" in bit 6, which
// a cache maintenance instruction (bit 8) sets as well.
constexpr uint64_t kClassInstructionAbort = 0x20;
constexpr uint64_t kClassDataAbort = 0x24;

Access DecodeSyndrome(uint64_t syndrome) {
  const uint64_t exception_class = syndrome >> 26 & 0x3f;
  if (exception_class == kClassInstructionAbort) return {FaultAccess::kRead, true};
  if (exception_class != kClassDataAbort) return {};
  const bool writes = (syndrome >> 6 & 1) && !(syndrome >> 8 & 1);
  return {writes ? FaultAccess::kWrite : FaultAccess::kRead, false};
}

// The kernel leaves a list of records behind the registers, as <asm/sigcontext.h> has them, which
// cannot be included beside every C library's own. A magic number of 0 ends the list.
struct RecordHead {
  uint32_t magic;
  uint32_t bytes;
};
constexpr uint32_t kSyndromeMagic = 0x45535201;

Access Decode(const ucontext_t& context) {
  const auto* records = reinterpret_cast<const char*>(&context.uc_mcontext.__reserved);
  const size_t bytes = sizeof context.uc_mcontext.__reserved;
  RecordHead head;
  uint64_t syndrome;
  for (size_t at = 0; at + sizeof head + sizeof syndrome <= bytes; at += head.bytes) {
    std::memcpy(&head, records + at, sizeof head);
    if (head.magic == 0 || head.bytes < sizeof head) break;
    if (head.magic != kSyndromeMagic) continue;
    std::memcpy(&syndrome, records + at + sizeof head, sizeof syndrome);
    return DecodeSyndrome(syndrome);
  }
  return {};
}

uint64_t ProgramCounter(const ucontext_t& context) { return context.uc_mcontext.pc; }

#else

Access Decode(const ucontext_t&) { return {}; }
uint64_t ProgramCounter(const ucontext_t&) { return 0; }

#endif

}  // namespace

FaultCause DecodeFault(const siginfo_t& info, const void* context) {
  FaultCause cause;
  const bool is_sent = info.si_code <= 0;
  if (is_sent || (info.si_signo == SIGBUS && info.si_code == BUS_MCEERR_AO)) return cause;
  cause.is_synchronous = true;

  const auto& interrupted = *static_cast<const ucontext_t*>(context);
  const Access access = Decode(interrupted);
  cause.access = access.kind;
  // Where the processor does not say, the address does.
  const bool is_fetch = access.is_fetch ||
                        ProgramCounter(interrupted) == reinterpret_cast<uint64_t>(info.si_addr);
  const bool is_page_missing = info.si_signo == SIGSEGV ? info.si_code == SEGV_ACCERR
                                                        : info.si_code == BUS_ADRERR;
  cause.is_curable = is_page_missing && !is_fetch;
  return cause;
}

sigset_t InterruptedMask(const void* context) {
  KernelMask mask;
  std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, sizeof mask);
  return SetOf(mask);
}

bool Includes(const sigset_t& set, const sigset_t& part) {
  return (MaskOf(part) & ~MaskOf(set)) == 0;
}

sigset_t Union(const sigset_t& one, const sigset_t& other) {
  return SetOf(MaskOf(one) | MaskOf(other));
}

void RaiseAgain(const siginfo_t& info) {
  // rt_tgsigqueueinfo(2): a process may send itself whatever the kernel could have sent.
  const pid_t process = getpid();
  const long thread = syscall(SYS_gettid);
  if (syscall(SYS_rt_tgsigqueueinfo, process, thread, info.si_signo, &info) == 0) return;
  // A filter refuses it. A fault comes again by itself, what was sent does not.
  if (info.si_code <= 0) syscall(SYS_tgkill, process, thread, info.si_signo);
}

}  // namespace umap
