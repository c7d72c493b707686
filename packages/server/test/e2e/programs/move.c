// Preloaded into a client: at SIGUSR2 it does to its first mapping of server memory what a C library
// in a program may do, and says what became of it: a forked child's touch, mremap, and munmap of
// the last page.
#include <sys/wait.h>

#include "stolen.h"

enum { kPage = 4096 };

// What a child sees that was forked and not exec'd: the number of the signal that ended it.
static int touch_in_child(const volatile char* at) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    _exit(at[0] == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -1 - WEXITSTATUS(status);
}

static void move(int number) {
  (void)number;
  struct range range;
  if (memory_file_mappings(&range, 1) != 1) {
    say("none", -1);
    return;
  }
  char* at = (char*)(uintptr_t)range.begin;
  size_t bytes = range.end - range.begin;
  say("child", touch_in_child(at));
  // Elsewhere for sure: behind a mapping that is there.
  void* place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* moved = mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  say("mremap", moved == MAP_FAILED ? -1 : 0);
  if (moved == MAP_FAILED) return;
  // Each page holds its number; most of them are absent yet.
  bytes -= kPage;
  say("munmap", munmap(moved + bytes, kPage));
  int wrong = 0;
  for (size_t page = 0; page < bytes / kPage; page++) {
    double value;
    memcpy(&value, moved + page * kPage, sizeof value);
    wrong += value != (double)(page + 1);
  }
  say("wrong-after-move", wrong);
}

__attribute__((constructor)) static void begin(void) { run_on_signal(move); }
