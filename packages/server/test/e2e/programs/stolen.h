// What the libraries that are preloaded into a client share: where its mappings of server memory
// are, and lines of output. Runs in a signal handler of the main thread, outside of any allocation.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct range {
  uint64_t begin;
  uint64_t end;
};

// The mappings of memory files in this process; returns how many there are.
static int memory_file_mappings(struct range* ranges, int max) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  int count = 0;
  while (maps && count < max && fgets(line, sizeof line, maps)) {
    unsigned long begin, end;
    if (strstr(line, "/memfd:") == NULL) continue;
    if (sscanf(line, "%lx-%lx", &begin, &end) != 2) continue;
    ranges[count].begin = begin;
    ranges[count].end = end;
    count++;
  }
  if (maps) fclose(maps);
  return count;
}

// "NAME RESULT ERRNO", read by the test.
static void say(const char* name, int64_t result) {
  const int error = result < 0 ? errno : 0;
  char line[128];
  const int length = snprintf(line, sizeof line, "%s %lld %d\n", name, (long long)result, error);
  if (write(1, line, (size_t)length) < 0) abort();
}

static void run_on_signal(void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigaction(SIGUSR2, &action, NULL);
}
