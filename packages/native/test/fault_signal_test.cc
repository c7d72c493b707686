// The signal source of faults by itself: what it answers, what state the interrupted code is in
// meanwhile, and what it costs of the stack. Each test changes a process's handlers for good, so it
// runs in a child.
#include "os/fault_signal.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/time.h>
#include <ucontext.h>

#include <thread>
#include <vector>

#include "os/signal_mask.h"
#include "test/expect.h"
#include "test/fault_arena.h"
#include "test/malloc_guard.h"

namespace umap::test {
namespace {

std::atomic<int> g_user_signals = 0;
std::atomic<int> g_user_signals_inside = 0;

void CountSignal(int) { g_user_signals++; }

void Catch(int signal, void (*handler)(int), int flags = 0) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, nullptr) == 0);
}

void InstallArena() {
  OpenArena();
  CHECK(InstallFaultSignals(GivePage).ok());
}

TEST(a_touch_gets_its_page_and_goes_on) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    EXPECT_EQ(ReadPage(3), 0);
    EXPECT_EQ(g_arena.reads + g_arena.writes, 1);
    *PageOfArena(3) = 7;
    EXPECT_EQ(ReadPage(3), 7);
    *PageOfArena(4) = 8;
    EXPECT_EQ(ReadPage(4), 8);
#if defined(__x86_64__)
    EXPECT_EQ(g_arena.reads, 1);
    EXPECT_EQ(g_arena.writes, 2);
#endif
  })));
}

TEST(errno_survives_a_touch) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    g_arena.inside = [](const SignalFault&) { errno = EPIPE; };
    errno = ENOTTY;
    *PageOfArena(0) = 1;
    EXPECT_EQ(errno, ENOTTY);
  })));
}

#if defined(UMAP_MALLOC_IS_GUARDED)
TEST(a_touch_and_a_wait_in_it_need_no_heap) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    t_guards_malloc = true;
    g_arena.inside = [](const SignalFault& fault) { const InterruptedSignals waiting(fault); };
    *PageOfArena(0) = 1;
    t_guards_malloc = false;
  })));
}

TEST(the_guard_sees_a_handler_that_asks_for_heap) {
  EXPECT_TRUE(EndedBy(InChild([] {
    InstallArena();
    t_guards_malloc = true;
    g_arena.inside = [](const SignalFault&) { asm volatile("" : : "r"(malloc(8)) : "memory"); };
    // What it says is expected here.
    close(STDERR_FILENO);
    CHECK(open("/dev/null", O_WRONLY) == STDERR_FILENO);
    *PageOfArena(0) = 1;
  }), SIGABRT));
}
#endif

#if defined(UMAP_SIGNALS_ARE_THE_KERNELS)
// Execution cannot be given, so it would be asked for without end.
TEST(a_jump_into_a_page_is_not_ours) {
  EXPECT_TRUE(EndedBy(InChild([] {
    InstallArena();
    reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(PageOfArena(0)))();
  }), SIGSEGV));
}

TEST(a_signal_handler_may_touch) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, [](int) { *PageOfArena(1) = 5; });
    raise(SIGUSR1);
    EXPECT_EQ(ReadPage(1), 5);
  })));
}
#endif

TEST(signals_wait_until_the_touch_is_answered) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, CountSignal);
    g_arena.inside = [](const SignalFault&) {
      pthread_kill(pthread_self(), SIGUSR1);
      g_user_signals_inside = g_user_signals.load();
    };
    *PageOfArena(0) = 1;
    EXPECT_EQ(g_user_signals_inside, 0);
    EXPECT_EQ(g_user_signals, 1);
  })));
}

TEST(signals_arrive_while_the_handler_waits) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, CountSignal);
    Catch(SIGUSR2, CountSignal);
    g_arena.inside = [](const SignalFault& fault) {
      pthread_kill(pthread_self(), SIGUSR1);
      // Blocked by the code that touches, so not open while it waits.
      pthread_kill(pthread_self(), SIGUSR2);
      const InterruptedSignals waiting(fault);
      g_user_signals_inside = g_user_signals.load();
    };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    *PageOfArena(0) = 1;
    EXPECT_EQ(g_user_signals_inside, 1);
    EXPECT_EQ(g_user_signals, 1);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    EXPECT_EQ(g_user_signals, 2);
  })));
}

TEST(signals_are_blocked_again_after_the_wait) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, CountSignal);
    g_arena.inside = [](const SignalFault& fault) {
      { const InterruptedSignals waiting(fault); }
      pthread_kill(pthread_self(), SIGUSR1);
      g_user_signals_inside = g_user_signals.load();
    };
    *PageOfArena(0) = 1;
    EXPECT_EQ(g_user_signals_inside, 0);
    EXPECT_EQ(g_user_signals, 1);
  })));
}

#if defined(UMAP_SIGNALS_ARE_THE_KERNELS)
TEST(a_signal_that_arrives_in_the_wait_may_touch_another_page) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, [](int) { *PageOfArena(9) = 3; });
    g_arena.inside = [](const SignalFault& fault) {
      g_arena.inside = nullptr;
      pthread_kill(pthread_self(), SIGUSR1);
      const InterruptedSignals waiting(fault);
    };
    *PageOfArena(0) = 1;
    EXPECT_EQ(ReadPage(9), 3);
    EXPECT_EQ(ReadPage(0), 1);
  })));
}
#endif

TEST(a_lock_holder_is_not_interrupted_but_may_crash) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    Catch(SIGUSR1, CountSignal);
    {
      const SignalsBlocked blocked;
      raise(SIGUSR1);
      EXPECT_EQ(g_user_signals, 0);
      *PageOfArena(0) = 1;
    }
    EXPECT_EQ(g_user_signals, 1);
  })));
}

TEST(many_threads_touch_while_a_timer_interrupts_them) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    static std::atomic<int> ticks = 0;
    Catch(SIGALRM, [](int) { ticks++; }, SA_RESTART);
    const itimerval often = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &often, nullptr);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 8; t++) {
      threads.emplace_back([t, &wrong] {
        std::mt19937_64 random(Seed() + t);
        uint64_t sums[kArenaPages] = {};
        for (int i = 0; i < 4000; i++) {
          const uint64_t page = random() % kArenaPages;
          // Its own word in the page, which nobody else writes.
          volatile auto* word = reinterpret_cast<volatile uint64_t*>(PageOfArena(page)) + t;
          if (*word != sums[page]) wrong++;
          *word = ++sums[page];
          if (i % 100 == 0) ProtectArena();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const itimerval never = {};
    setitimer(ITIMER_REAL, &never, nullptr);
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(g_arena.writes, static_cast<int>(kArenaPages));
    EXPECT_GT(ticks, 0);
  })));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// The lower end of the kernel's frame is near the context; the handler's frames are below it.
std::atomic<uint64_t> g_context = 0;
std::atomic<uint64_t> g_lowest = 0;

void MeasureStack(const SignalFault& fault) {
  g_context = reinterpret_cast<uint64_t>(fault.context);
  g_lowest = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
}

TEST(a_touch_needs_little_stack) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    g_arena.inside = MeasureStack;
    *PageOfArena(0) = 1;
    EXPECT_GT(g_context.load(), g_lowest.load());
    EXPECT_LT(g_context - g_lowest, 1024);
  })));
}

TEST(a_small_alternate_stack_is_enough) {
  EXPECT_TRUE(Passed(InChild([] {
    InstallArena();
    // What the kernel's own frame takes, and 2 KiB. A page without rights lies below.
    const auto kernel = static_cast<uint64_t>(sysconf(_SC_MINSIGSTKSZ));
    const uint64_t bytes = (kernel + 2048 + 63) / 64 * 64;
    auto* memory = static_cast<char*>(mmap(nullptr, 17 * kArenaPage, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory != MAP_FAILED && bytes <= 16 * kArenaPage);
    CHECK(mprotect(memory, kArenaPage, PROT_NONE) == 0);
    const stack_t stack = {memory + kArenaPage, 0, bytes};
    EXPECT_SYS(sigaltstack(&stack, nullptr));
    g_arena.inside = MeasureStack;
    *PageOfArena(0) = 1;
    const auto lower = reinterpret_cast<uint64_t>(stack.ss_sp);
    EXPECT_GT(g_lowest.load(), lower);
    EXPECT_LT(g_context.load(), lower + bytes);
  })));
}

#endif

}  // namespace
}  // namespace umap::test
