// The child has one thread, so its statics are its own; it makes system calls only, because a
// thread of the parent may have held any lock when it was forked. What it finds goes to a page that
// both share; a child that dies leaves there how far it came.
#include "os/probe_signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

#include "os/probe_userfaultfd.h"
#include "os/uffd_abi.h"
#include "os/unique_fd.h"

namespace umap {

namespace {

constexpr unsigned kSecondsMax = 5;
constexpr uint8_t kFillByte = 0x5a;
constexpr uint8_t kWrittenByte = 0xa5;
// A read and a write: more are the same fault again and again.
constexpr int kFaultsWanted = 2;

// What a trial was doing; names for messages are in kStepNames.
enum Step : int { kNotBegun, kPrepare, kHandle, kTouch, kVerify, kDone };
constexpr const char* kStepNames[] = {"not begun", "preparing memory", "answering the signal",
                                      "touching a page", "wrong bytes", ""};

// How far a trial came. Written by the child, its handler included.
struct Trial {
  std::atomic<int> step;
  std::atomic<int> error;

  bool Fail(int failed_step) {
    error = errno;
    step = failed_step;
    return false;
  }
};

struct Trials {
  Trial signal;
  Trial in_thread;
};

// The child's page under trial, for its handler.
struct Child {
  Trial* trial = nullptr;
  uint8_t* page = nullptr;
  uint8_t* alias = nullptr;
  size_t page_bytes = 0;
  int uffd = -1;
  int faults = 0;
};
Child child;

// Lets the page in: readable first, writable at the second fault.
bool AnswerByProtection() {
  if (child.faults > 1) {
    return mprotect(child.page, child.page_bytes, PROT_READ | PROT_WRITE) == 0;
  }
  std::memset(child.alias, kFillByte, child.page_bytes);
  return mprotect(child.page, child.page_bytes, PROT_READ) == 0;
}

bool AnswerByUserfaultfd() {
  const uint64_t page = reinterpret_cast<uint64_t>(child.page);
  if (child.faults == 1) {
    uffdio_copy copy = {};
    copy.dst = page;
    copy.src = reinterpret_cast<uint64_t>(child.alias);
    copy.len = child.page_bytes;
    copy.mode = UFFDIO_COPY_MODE_WP;
    return ioctl(child.uffd, UFFDIO_COPY, &copy) == 0;
  }
  uffdio_writeprotect unprotect = {};
  unprotect.range = {page, child.page_bytes};
  return ioctl(child.uffd, UFFDIO_WRITEPROTECT, &unprotect) == 0;
}

void HandleFault(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const uint8_t*>(info->si_addr);
  const bool ours = address >= child.page && address < child.page + child.page_bytes;
  child.faults += 1;
  if (ours && child.faults <= kFaultsWanted) {
    if (child.uffd < 0 ? AnswerByProtection() : AnswerByUserfaultfd()) return;
  }
  child.trial->Fail(ours ? kHandle : kTouch);
  _exit(1);
}

uint8_t* Map(size_t bytes, int rights, int flags, int fd) {
  void* memory = mmap(nullptr, bytes, rights, flags, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
}

// Reads, then writes; each is one fault.
bool TouchAndVerify(Trial* trial) {
  volatile uint8_t* byte = child.page;
  errno = 0;
  trial->step = kTouch;
  if (*byte != kFillByte) return trial->Fail(kVerify);
  *byte = kWrittenByte;
  const bool ok = *byte == kWrittenByte && child.faults == kFaultsWanted;
  return ok || trial->Fail(kVerify);
}

bool TrySignal(Trial* trial) {
  trial->step = kPrepare;
  const size_t bytes = child.page_bytes;
  const UniqueFd memory(memfd_create("umap-probe", MFD_CLOEXEC));
  if (!memory.valid() || ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) {
    return trial->Fail(kPrepare);
  }
  child.page = Map(bytes, PROT_NONE, MAP_SHARED, memory.get());
  child.alias = Map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get());
  if (child.page == nullptr || child.alias == nullptr) return trial->Fail(kPrepare);
  if (!TouchAndVerify(trial)) return false;
  if (*static_cast<volatile uint8_t*>(child.alias) != kWrittenByte) return trial->Fail(kVerify);
  trial->step = kDone;
  return true;
}

bool TryInThread(UffdWay way, Trial* trial) {
  trial->step = kPrepare;
  const size_t bytes = child.page_bytes;
  int error = 0;
  const UniqueFd uffd = OpenUserfaultfd(way, &error);
  uint64_t offered = 0;
  if (error == 0) {
    error = NegotiateFeatures(uffd.get(), UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP,
                              &offered);
  }
  errno = error;
  if (error != 0) return trial->Fail(kPrepare);
  constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  child.page = Map(bytes, PROT_READ | PROT_WRITE, kAnonymous, -1);
  child.alias = Map(bytes, PROT_READ | PROT_WRITE, kAnonymous, -1);
  if (child.page == nullptr || child.alias == nullptr) return trial->Fail(kPrepare);
  std::memset(child.alias, kFillByte, bytes);
  child.uffd = uffd.get();
  child.faults = 0;
  uffdio_register request = {};
  request.range = {reinterpret_cast<uint64_t>(child.page), bytes};
  request.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP;
  if (ioctl(child.uffd, UFFDIO_REGISTER, &request) != 0) return trial->Fail(kPrepare);
  if (!TouchAndVerify(trial)) return false;
  trial->step = kDone;
  return true;
}

// Never returns. All signals are blocked: handlers of the parent must not run here.
[[noreturn]] void RunChild(std::optional<UffdWay> in_thread_way, Trials* trials) {
  // 1. A child that hangs ends, and one that crashes leaves no core file.
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGALRM, &action, nullptr);
  alarm(kSecondsMax);
  // 2. Faults come to the handler; nothing else comes.
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = HandleFault;
  sigset_t open;
  sigemptyset(&open);
  for (const int number : {SIGSEGV, SIGBUS}) {
    sigaction(number, &action, nullptr);
    sigaddset(&open, number);
  }
  sigaddset(&open, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &open, nullptr);
  // 3. The trials; one whose fault cannot be answered ends the child.
  child = {};
  child.page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  child.trial = &trials->signal;
  TrySignal(child.trial);
  child.trial = &trials->in_thread;
  if (in_thread_way) TryInThread(*in_thread_way, child.trial);
  _exit(0);
}

// Forks, and waits for the child to end. Returns an errno, or 0.
int RunTrials(std::optional<UffdWay> in_thread_way, Trials* trials) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) RunChild(in_thread_way, trials);
  const int error = pid < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // ECHILD: whoever ignores SIGCHLD has no status, but the child has ended by then.
  while (pid > 0 && waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

ProbeCheck CheckOf(const char* key, const Trial& trial) {
  const int step = trial.step;
  if (step == kDone) return {key, true, {}};
  std::string detail = kStepNames[step];
  const int error = trial.error;
  if (error != 0) detail += ": " + ErrorName(error);
  return {key, false, std::move(detail)};
}

}  // namespace

std::vector<ProbeCheck> TrySignals(std::optional<UffdWay> way, uint64_t offered) {
  void* const shared = mmap(nullptr, sizeof(Trials), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    const std::string detail = "mmap: " + ErrorName(errno);
    return {{kSignalCheck, std::nullopt, detail}, {kInThreadCheck, std::nullopt, detail}};
  }
  auto* const trials = new (shared) Trials();
  constexpr uint64_t kWanted = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP;
  const bool can_in_thread = way && (offered & kWanted) == kWanted;
  const int error = RunTrials(can_in_thread ? way : std::nullopt, trials);
  ProbeCheck signal = CheckOf(kSignalCheck, trials->signal);
  ProbeCheck in_thread = CheckOf(kInThreadCheck, trials->in_thread);
  munmap(shared, sizeof(Trials));
  if (error != 0) signal = in_thread = {"", std::nullopt, "fork: " + ErrorName(error)};
  if (!way) {
    in_thread = {"", std::nullopt, "no userfaultfd"};
  } else if (!can_in_thread) {
    in_thread = {"", std::nullopt, "the kernel does not offer SIGBUS with write protection"};
  }
  signal.json_key = kSignalCheck;
  in_thread.json_key = kInThreadCheck;
  return {std::move(signal), std::move(in_thread)};
}

}  // namespace umap
