// A stand-in for the engine behind InstallFaultSignals: pages without rights, which the handler
// gives to who touches them. And a child process for what ends a process, or changes it for good.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>

#include "os/check.h"
#include "os/fault_signal.h"

// TSan runs handlers by rules of its own: later than they come, and with everything blocked.
#if !defined(__SANITIZE_THREAD__)
#define UMAP_SIGNALS_ARE_THE_KERNELS 1
#endif

namespace umap::test {

inline const uint64_t kArenaPage = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
constexpr uint64_t kArenaPages = 64;

struct Arena {
  char* begin = nullptr;
  std::atomic<int> reads = 0;
  std::atomic<int> writes = 0;
  // Runs inside the handler, before it gives the page.
  std::atomic<void (*)(const SignalFault&)> inside = nullptr;
};

inline Arena g_arena;

inline volatile char* PageOfArena(uint64_t index) { return g_arena.begin + index * kArenaPage; }

inline int ReadPage(uint64_t index) { return *PageOfArena(index); }

inline void ProtectArena() {
  CHECK(mprotect(g_arena.begin, kArenaPages * kArenaPage, PROT_NONE) == 0);
}

// Readable first, writable when it is written: as the engine tracks what is dirty.
inline bool GivePage(const SignalFault& fault) {
  const auto begin = reinterpret_cast<uint64_t>(g_arena.begin);
  if (fault.address - begin >= kArenaPages * kArenaPage) return false;
  if (auto* inside = g_arena.inside.load()) inside(fault);
  const bool reads = fault.access == FaultAccess::kRead;
  (reads ? g_arena.reads : g_arena.writes).fetch_add(1);
  void* page = reinterpret_cast<void*>(fault.address & ~(kArenaPage - 1));
  return mprotect(page, kArenaPage, reads ? PROT_READ : PROT_READ | PROT_WRITE) == 0;
}

inline void OpenArena() {
  void* begin = mmap(nullptr, kArenaPages * kArenaPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0);
  CHECK(begin != MAP_FAILED);
  g_arena.begin = static_cast<char*>(begin);
}

// Runs `body` in a child process and returns how it ended, as waitpid(2) says it. An EXPECT that
// fails in the child has printed why.
inline int InChild(const std::function<void()>& body) {
  std::fflush(stdout);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CurrentFailed() = false;
    alarm(60);
    // Sanitizers have handlers of their own.
    for (const int fault : {SIGSEGV, SIGBUS}) CHECK(signal(fault, SIG_DFL) != SIG_ERR);
    body();
    std::fflush(stdout);
    _exit(CurrentFailed() ? 1 : 0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
  return status;
}

inline bool Passed(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
inline bool EndedBy(int status, int signal) {
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

}  // namespace umap::test
