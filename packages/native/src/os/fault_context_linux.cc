// See fault_context.h. Linux; what is told apart on a processor comes from its error code.
#include <ucontext.h>

#include <cstring>

#include "os/fault_context.h"

namespace umap {
namespace {

#if defined(__x86_64__)

// The page fault's error code, as the processor pushed it.
constexpr uint64_t kErrorWrite = 1 << 1;
constexpr uint64_t kErrorFetch = 1 << 4;

FaultCause Decode(const ucontext_t& context) {
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

FaultCause DecodeSyndrome(uint64_t syndrome) {
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

FaultCause Decode(const ucontext_t& context) {
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

FaultCause Decode(const ucontext_t&) { return {}; }
uint64_t ProgramCounter(const ucontext_t&) { return 0; }

#endif

}  // namespace

FaultCause DecodeFault(const siginfo_t& info, const void* context) {
  const auto& interrupted = *static_cast<const ucontext_t*>(context);
  FaultCause cause = Decode(interrupted);
  // Where the processor does not say, the address does.
  if (ProgramCounter(interrupted) == reinterpret_cast<uint64_t>(info.si_addr)) {
    cause.is_instruction_fetch = true;
  }
  return cause;
}

sigset_t InterruptedMask(const void* context) {
  sigset_t mask;
  sigemptyset(&mask);
  // The kernel writes its own mask there, which is shorter than the C library's.
  constexpr size_t kMaskBytes = 8;
  std::memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, kMaskBytes);
  return mask;
}

}  // namespace umap
