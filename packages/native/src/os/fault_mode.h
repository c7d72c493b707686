// The ways in which a touch of an absent page reaches the engine: what a caller may ask for, and
// what a region got.
#pragma once

#include <cstdint>

namespace umap {

enum class FaultChoice : uint8_t {
  // The best that this machine allows: userfaultfd, then signal.
  kAuto,
  kUserfaultfd,
  kSignal,
  kInThread,
  // Of clients; never chosen by kAuto.
  kShared,
};

enum class FaultMode : uint8_t {
  // userfaultfd(2), faults inside system calls included.
  kUserfaultfd,
  // userfaultfd(2) with UFFD_USER_MODE_ONLY: a system call on an absent page fails with EFAULT.
  kUserfaultfdUserMode,
  // mprotect(2), and SIGSEGV on the thread that touches; system calls as above.
  kSignal,
  // userfaultfd(2) with UFFD_FEATURE_SIGBUS: SIGBUS on the thread that touches; as above.
  kInThread,
  // Other processes map the pages, each with a userfaultfd(2) of its own; this one never does.
  kShared,
};

constexpr bool ServesSystemCalls(FaultMode mode) { return mode == FaultMode::kUserfaultfd; }
// Faults are signals on the thread that touches, not messages to fillers.
constexpr bool AnsweredOnThread(FaultMode mode) {
  return mode == FaultMode::kSignal || mode == FaultMode::kInThread;
}

// As users know it.
constexpr const char* NameOf(FaultMode mode) {
  switch (mode) {
    case FaultMode::kUserfaultfd: return "userfaultfd";
    case FaultMode::kUserfaultfdUserMode: return "userfaultfd-user-mode";
    case FaultMode::kSignal: return "signal";
    case FaultMode::kInThread: return "in-thread";
    case FaultMode::kShared: return "shared";
  }
  return "";
}

}  // namespace umap
