// See fault_signal.h. The handler runs on the thread that touched, between any two of its
// instructions. From entry to the FaultHandler and back, and from there to an earlier handler, it
// makes these calls and no others; all are in signal-safety(7) or are system calls:
//
//   pthread_sigmask   every signal is blocked while the FaultHandler runs; InterruptedSignals
//   sigfillset, sigaddset, sigdelset, sigemptyset, memcpy
//   sigaction         back to the default, before the end of the process
//   getpid, gettid, rt_tgsigqueueinfo, tgkill    the same; by syscall(2)
//
// and reads lock-free atomics. No thread-local variable but errno, no lock, no memory allocation.
//
// Handlers form a chain: each keeps what was installed before it. Ours goes to the front of the
// chain several times, when others have installed theirs since; each of those *generations* is a
// function of its own with its own predecessor, so that a foreign handler that calls what was
// before it reaches the right one.
#include "os/fault_signal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ucontext.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "os/check.h"
#include "os/fault_context.h"
#include "os/mutex.h"

namespace umap {
namespace {

// As many different foreign actions as ours may ever be put in front of.
constexpr int kGenerations = 16;
constexpr std::array kSignals = {SIGSEGV, SIGBUS};

// What a generation forwards to. Written before the generation is counted, not changed after.
struct Predecessor {
  struct sigaction action;
  // It had SA_RESETHAND and was called: now it is the default.
  std::atomic<bool> is_spent;
};

struct Chain {
  std::array<Predecessor, kGenerations> predecessors;
  std::atomic<int> count;
};

std::array<Chain, kSignals.size()> g_chains;
std::atomic<FaultHandler> g_handler;
Mutex g_install_mutex;

static_assert(std::atomic<FaultHandler>::is_always_lock_free);

Chain& ChainOf(int signal) { return g_chains[signal == SIGSEGV ? 0 : 1]; }

// A call of a predecessor that has not returned. Those for one delivery of a signal hang on its
// context, in uc_link, which the kernel clears at every delivery and looks at never; so what a
// predecessor leaves behind that ends in siglongjmp is forgotten. Two copies of this code in one
// process share the list: its layout does not change.
struct Forwarding {
  const void* owner;
  const Forwarding* outer;
  int generation;
};

const Forwarding* InnermostOf(const void* context) {
  return reinterpret_cast<const Forwarding*>(static_cast<const ucontext_t*>(context)->uc_link);
}

void SetInnermost(void* context, const Forwarding* forwarding) {
  auto* link = reinterpret_cast<ucontext_t*>(const_cast<Forwarding*>(forwarding));
  static_cast<ucontext_t*>(context)->uc_link = link;
}

// True: whom this generation called has called it, for the same signal.
bool IsForwarding(const void* context, int generation) {
  for (const Forwarding* it = InnermostOf(context); it != nullptr; it = it->outer) {
    if (it->owner == &g_chains && it->generation == generation) return true;
  }
  return false;
}

// The end of the process, with the report that the kernel makes of the signal itself.
void TakeDefault(const siginfo_t& info) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(info.si_signo, &action, nullptr);
  RaiseAgain(info);
}

// Calls an earlier handler as the kernel would have.
void Call(const struct sigaction& action, siginfo_t* info, void* context) {
  sigset_t mask = Union(InterruptedMask(context), action.sa_mask);
  if (!(action.sa_flags & SA_NODEFER)) sigaddset(&mask, info->si_signo);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  // Kernels pass all three arguments, with SA_SIGINFO and without; some handlers rely on that.
  action.sa_sigaction(info->si_signo, info, context);
}

void Forward(int generation, bool is_synchronous, siginfo_t* info, void* context) {
  // 1. Whom. A generation that is called a second time stands for the one before it.
  while (generation >= 0 && IsForwarding(context, generation)) generation--;
  if (generation < 0) return TakeDefault(*info);
  Predecessor& predecessor = ChainOf(info->si_signo).predecessors[static_cast<size_t>(generation)];
  const struct sigaction& action = predecessor.action;

  // 2. What the kernel does without calling anybody: a fault cannot be ignored.
  const bool is_spent =
      (action.sa_flags & SA_RESETHAND) != 0 && predecessor.is_spent.exchange(true);
  const bool is_ignored = action.sa_handler == SIG_IGN;
  if (action.sa_handler == SIG_DFL || is_spent || (is_ignored && is_synchronous)) {
    TakeDefault(*info);
  } else if (!is_ignored) {
    const Forwarding forwarding = {&g_chains, InnermostOf(context), generation};
    SetInnermost(context, &forwarding);
    Call(action, info, context);
    SetInnermost(context, forwarding.outer);
  }
}

bool Answer(const FaultCause& cause, const siginfo_t& info, void* context) {
  if (!cause.is_curable) return false;
  const SignalFault fault = {reinterpret_cast<uint64_t>(info.si_addr), cause.access,
                             info.si_signo, context};
  const FaultHandler handler = g_handler.load(std::memory_order_acquire);
  return handler && handler(fault);
}

void Deliver(int generation, siginfo_t* info, void* context) {
  const int error = errno;
  const FaultCause cause = DecodeFault(*info, context);

  // 1. The kernel has blocked all signals, unless a foreign handler in front of ours called it.
  sigset_t all, before;
  sigfillset(&all);
  // No thread ever has these blocked.
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  sigemptyset(&before);
  pthread_sigmask(SIG_SETMASK, &all, &before);

  // 2. Ours?
  const bool is_answered = Answer(cause, *info, context);

  // 3. If not, it is the predecessor's, with the errno that it would have found.
  errno = error;
  if (!is_answered) Forward(generation, cause.is_synchronous, info, context);

  // 4. The foreign handler in front goes on as it was. After ours the kernel sets the mask.
  if (!Includes(before, all)) pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

using SignalHandler = void (*)(int, siginfo_t*, void*);

template <int kGeneration>
void Enter(int, siginfo_t* info, void* context) {
  Deliver(kGeneration, info, context);
}

template <int... kGeneration>
constexpr std::array<SignalHandler, sizeof...(kGeneration)> MakeEntries(
    std::integer_sequence<int, kGeneration...>) {
  return {Enter<kGeneration>...};
}

// By generation.
constexpr auto kEntries = MakeEntries(std::make_integer_sequence<int, kGenerations>());

bool IsOurs(const struct sigaction& action) {
  if (!(action.sa_flags & SA_SIGINFO)) return false;
  for (const SignalHandler entry : kEntries) {
    if (action.sa_sigaction == entry) return true;
  }
  return false;
}

bool Same(const struct sigaction& one, const struct sigaction& other) {
  return one.sa_sigaction == other.sa_sigaction && one.sa_flags == other.sa_flags &&
         Includes(one.sa_mask, other.sa_mask) && Includes(other.sa_mask, one.sa_mask);
}

// The generation whose predecessor is `action`: an old one when ours was in front of just this
// before, so that a program that changes to and fro does not use them up. -1: there are no more.
int GenerationBefore(const struct sigaction& action, Chain& chain) REQUIRES(g_install_mutex) {
  const int count = chain.count.load(std::memory_order_relaxed);
  for (int generation = 0; generation < count; generation++) {
    Predecessor& predecessor = chain.predecessors[static_cast<size_t>(generation)];
    if (!Same(predecessor.action, action)) continue;
    predecessor.is_spent.store(false);
    return generation;
  }
  if (count == kGenerations) return -1;
  chain.predecessors[static_cast<size_t>(count)].action = action;
  chain.count.store(count + 1, std::memory_order_release);
  return count;
}

struct sigaction ActionOf(int generation, const struct sigaction& predecessor) {
  struct sigaction action = {};
  action.sa_sigaction = kEntries[static_cast<size_t>(generation)];
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  // A system call that somebody's kill() interrupts must end as if ours were not there.
  const bool restarts = predecessor.sa_handler == SIG_IGN || (predecessor.sa_flags & SA_RESTART);
  if (restarts) action.sa_flags |= SA_RESTART;
  return action;
}

Status PutInFront(int signal) REQUIRES(g_install_mutex) {
  struct sigaction current;
  if (sigaction(signal, nullptr, &current) != 0) return SystemError(errno, "sigaction");
  while (!IsOurs(current)) {
    const int generation = GenerationBefore(current, ChainOf(signal));
    if (generation < 0) {
      return Status::Fail(EAGAIN, "too many different handlers of SIGSEGV or SIGBUS");
    }
    const struct sigaction ours = ActionOf(generation, current);
    struct sigaction replaced;
    if (sigaction(signal, &ours, &replaced) != 0) return SystemError(errno, "sigaction");
    if (Same(replaced, current)) break;
    // Somebody was faster. Whoever has put ours back has left the chain.
    if (IsOurs(replaced)) sigaction(signal, &replaced, nullptr);
    current = replaced;
  }
  return Status::Ok();
}

// Node unloads an addon with the last thread that uses it, but the handler stays installed.
void KeepLoaded() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&KeepLoaded), &self) == 0) return;
  // Null for the main program, which stays anyway. Otherwise never closed.
  dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

Status InstallFaultSignals(FaultHandler handler) {
  MutexLock lock(g_install_mutex);
  const FaultHandler before = g_handler.exchange(handler, std::memory_order_release);
  CHECK(before == nullptr || before == handler);
  if (before == nullptr) {
    KeepLoaded();
    // A child process has no regions and no engine: a touch of what is not there ends it.
    pthread_atfork(nullptr, nullptr, [] { g_handler.store(nullptr); });
  }
  for (const int signal : kSignals) {
    Status status = PutInFront(signal);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

InterruptedSignals::InterruptedSignals(const SignalFault& fault) {
  const sigset_t mask = InterruptedMask(fault.context);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

InterruptedSignals::~InterruptedSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace umap
