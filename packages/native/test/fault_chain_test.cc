// Handlers that others install after ours: they are called, they reach what was before them, and
// whatever they save, restore or install twice, no fault goes round in circles or comes to nobody.
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>

#include <array>
#include <cstring>
#include <string>

#include "os/fault_signal.h"
#include "os/unique_fd.h"
#include "test/expect.h"
#include "test/fault_arena.h"

#if defined(UMAP_SIGNALS_ARE_THE_KERNELS)
namespace umap::test {
namespace {

// The letters of the handlers that saw the current signal, in their order.
char g_path[64];
size_t g_path_length = 0;
sigjmp_buf g_after;

void Note(char letter) {
  CHECK(g_path_length < sizeof g_path - 1);
  g_path[g_path_length++] = letter;
}

// Handlers of others: each saves what was there before it, and calls that.
struct sigaction g_before[3];

template <int kIndex>
void Chaining(int signal, siginfo_t* info, void* context) {
  Note(static_cast<char>('A' + kIndex));
  if (g_before[kIndex].sa_handler == SIG_DFL) siglongjmp(g_after, 1);
  g_before[kIndex].sa_sigaction(signal, info, context);
}

using Handler = void (*)(int, siginfo_t*, void*);
constexpr std::array<Handler, 3> kChaining = {Chaining<0>, Chaining<1>, Chaining<2>};

void InstallOther(size_t index) {
  struct sigaction action = {};
  action.sa_sigaction = kChaining[index];
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSEGV, &action, &g_before[index]) == 0);
}

void RestoreOther(size_t index) { CHECK(sigaction(SIGSEGV, &g_before[index], nullptr) == 0); }

void InstallOurs() {
  if (g_arena.begin == nullptr) OpenArena();
  CHECK(InstallFaultSignals(GivePage).ok());
}

// Who sees a stray pointer. `A` is always the first that was installed, and ends it.
std::string PathOfStray() {
  g_path_length = 0;
  std::memset(g_path, 0, sizeof g_path);
  static volatile uint64_t address = 16;
  if (sigsetjmp(g_after, 1) == 0) *reinterpret_cast<volatile char*>(address) = 1;
  return g_path;
}

// Who sees a touch of our memory, which must succeed.
std::string PathOfTouch() {
  g_path_length = 0;
  std::memset(g_path, 0, sizeof g_path);
  ProtectArena();
  *PageOfArena(0) = 1;
  return g_path;
}

TEST(a_handler_that_was_there_is_called_for_what_is_not_ours) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    EXPECT_EQ(PathOfStray(), "A");
    EXPECT_EQ(PathOfTouch(), "");
    // Once more: a handler that left by siglongjmp has left nothing behind.
    EXPECT_EQ(PathOfStray(), "A");
  })));
}

TEST(a_later_handler_that_chains_reaches_ours) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    InstallOther(1);
    EXPECT_EQ(PathOfStray(), "BA");
    EXPECT_EQ(PathOfTouch(), "B");
  })));
}

TEST(installing_again_goes_in_front_and_nobody_is_called_twice) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    InstallOther(1);
    InstallOurs();
    EXPECT_EQ(PathOfTouch(), "");
    EXPECT_EQ(PathOfStray(), "BA");
    InstallOther(2);
    EXPECT_EQ(PathOfStray(), "CBA");
    InstallOurs();
    EXPECT_EQ(PathOfStray(), "CBA");
    EXPECT_EQ(PathOfTouch(), "");
  })));
}

TEST(a_later_handler_that_does_not_chain_is_no_obstacle) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    InstallOther(1);
    g_before[1].sa_handler = SIG_DFL;
    InstallOurs();
    EXPECT_EQ(PathOfTouch(), "");
    EXPECT_EQ(PathOfStray(), "B");
  })));
}

TEST(a_handler_that_has_left_is_not_called) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    InstallOther(1);
    InstallOurs();
    RestoreOther(1);
    EXPECT_EQ(PathOfStray(), "A");
    EXPECT_EQ(PathOfTouch(), "");
    InstallOurs();
    EXPECT_EQ(PathOfStray(), "A");
  })));
}

TEST(a_handler_that_was_restored_over_ours_is_followed_again) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    const struct sigaction* first = &g_before[0];
    CHECK(sigaction(SIGSEGV, first, nullptr) == 0);
    InstallOurs();
    EXPECT_EQ(PathOfTouch(), "");
  })));
}

// B saves ours, of which B is the predecessor already.
TEST(a_handler_that_installs_itself_twice_makes_no_circle) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    InstallOurs();
    InstallOther(1);
    InstallOurs();
    InstallOther(1);
    EXPECT_EQ(PathOfStray(), "BBA");
    InstallOurs();
    EXPECT_EQ(PathOfStray(), "BA");
    EXPECT_EQ(PathOfTouch(), "");
  })));
}

TEST(the_first_handler_that_installs_itself_again_ends_in_the_default) {
  EXPECT_TRUE(EndedBy(InChild([] {
    InstallOther(1);
    InstallOurs();
    InstallOther(1);
    PathOfStray();
  }), SIGSEGV));
}

// Programs that change handlers to and fro do not use up what ours keeps of them.
TEST(handlers_that_come_and_go_may_do_so_for_ever) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOther(0);
    for (int i = 0; i < 1000; i++) {
      InstallOurs();
      InstallOther(1);
      InstallOurs();
      RestoreOther(1);
    }
    EXPECT_EQ(PathOfStray(), "A");
    EXPECT_EQ(PathOfTouch(), "");
  })));
}

TEST(a_handler_that_serves_once_serves_again_when_it_is_installed_again) {
  EXPECT_TRUE(Passed(InChild([] {
    for (int i = 0; i < 2; i++) {
      struct sigaction action = {};
      action.sa_sigaction = kChaining[0];
      action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND);
      CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
      InstallOurs();
      EXPECT_EQ(PathOfTouch(), "");
      EXPECT_EQ(PathOfStray(), "A");
    }
  })));
}

bool IsBlocked(int signal) {
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, nullptr, &set);
  return sigismember(&set, signal) == 1;
}

std::atomic<bool> g_is_blocked_inside = false;
std::atomic<bool> g_is_blocked_outside = true;

// Called by a foreign handler, ours blocks signals by itself, and leaves that one's mask to it.
TEST(behind_a_foreign_handler_signals_are_blocked_as_well) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallOurs();
    struct sigaction action = {};
    action.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
      g_before[0].sa_sigaction(signal, info, context);
      g_is_blocked_outside = IsBlocked(SIGUSR1);
    };
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, &g_before[0]) == 0);
    g_arena.inside = [](const SignalFault&) { g_is_blocked_inside = IsBlocked(SIGUSR1); };
    *PageOfArena(0) = 1;
    EXPECT_TRUE(g_is_blocked_inside);
    EXPECT_FALSE(g_is_blocked_outside);
  })));
}

// Waits until the process sleeps in a system call, or has ended; it has nothing to do but the one.
void WaitUntilAsleep(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/stat";
  for (char state = 0; state != 'S' && state != 'Z'; sched_yield()) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[256] = {};
    CHECK(read(file.get(), text, sizeof text - 1) > 0);
    state = std::strrchr(text, ')')[2];
  }
}

// A read that a kill() of the foreign handler's signal interrupts: 0 when it is restarted.
int ErrorOfInterruptedRead(void (*handler)(int), int flags) {
  int data[2];
  int ready[2];
  CHECK(pipe2(data, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60);
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
    InstallOurs();
    CHECK(write(ready[1], "", 1) == 1);
    char byte;
    _exit(read(data[0], &byte, 1) == 1 ? 0 : errno);
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  WaitUntilAsleep(child);
  CHECK(kill(child, SIGSEGV) == 0);
  WaitUntilAsleep(child);
  CHECK(write(data[1], "", 1) == 1);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  for (const int fd : {data[0], data[1], ready[0], ready[1]}) close(fd);
  return WEXITSTATUS(status);
}

TEST(an_interrupted_system_call_restarts_where_it_would_without_ours) {
  EXPECT_EQ(ErrorOfInterruptedRead([](int) {}, SA_RESTART), 0);
  EXPECT_EQ(ErrorOfInterruptedRead(SIG_IGN, 0), 0);
}

}  // namespace
}  // namespace umap::test
#endif
