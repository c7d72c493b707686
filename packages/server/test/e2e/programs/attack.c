// Preloaded into a read-only client: keeps a duplicate of every descriptor that the server passes,
// and at SIGUSR2 tries to write into its memory in every way that a program has. Each attempt is a
// line of output: its name, what the call returned, errno.
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "stolen.h"

enum { kPage = 4096, kStolenMax = 64 };
static int stolen[kStolenMax];
static int stolen_count;

ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  static ssize_t (*real)(int, struct msghdr*, int);
  if (!real) real = (ssize_t(*)(int, struct msghdr*, int))dlsym(RTLD_NEXT, "recvmsg");
  const ssize_t result = real(fd, message, flags);
  if (result < 0) return result;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count && stolen_count < kStolenMax; i++) {
      int passed;
      memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof passed);
      stolen[stolen_count++] = fcntl(passed, F_DUPFD_CLOEXEC, 100);
    }
  }
  return result;
}

static const char kNoise[8] = "ATTACKED";

static void write_through_proc(const char* name, void* at) {
  const int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (mem < 0) {
    say(name, -1);
    return;
  }
  const ssize_t result = pwrite(mem, kNoise, sizeof kNoise, (off_t)(uintptr_t)at);
  say(name, result);
  close(mem);
}

static void attack_descriptor(int fd, off_t bytes) {
  void* writable = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  say("own-mmap", writable == MAP_FAILED ? -1 : 0);
  if (writable != MAP_FAILED) memcpy(writable, kNoise, sizeof kNoise);

  char* readable = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (readable != MAP_FAILED) {
    const int opened = mprotect(readable, (size_t)bytes, PROT_READ | PROT_WRITE);
    say("mprotect-own-mmap", opened);
    if (opened == 0) memcpy(readable, kNoise, sizeof kNoise);
    write_through_proc("proc-mem-own-mmap", readable);
    say("madvise-remove", madvise(readable, (size_t)bytes, MADV_REMOVE));
  }
  say("pwrite", pwrite(fd, kNoise, sizeof kNoise, 0));
  say("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes));
  say("fallocate", fallocate(fd, 0, 0, bytes));
  say("shrink", ftruncate(fd, 0));
  say("grow", ftruncate(fd, 2 * bytes));
  say("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  say("fchmod", fchmod(fd, 0666));
  fcntl(fd, F_SETFL, O_RDWR);
  say("pwrite-again", pwrite(fd, kNoise, sizeof kNoise, 0));

  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int reopened = open(path, O_RDWR | O_CLOEXEC);
  say("reopen", reopened < 0 ? -1 : 0);
  if (reopened >= 0) say("pwrite-reopened", pwrite(reopened, kNoise, sizeof kNoise, 0));
  const int emptied = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  say("reopen-truncate", emptied < 0 ? -1 : 0);
}

// These may well succeed: what they reach is a copy of this process's own.
static void attack_mapping(struct range range) {
  char* const at = (char*)(uintptr_t)range.begin;
  say("mprotect-region", mprotect(at, range.end - range.begin, PROT_READ | PROT_WRITE));
  memcpy(at, kNoise, sizeof kNoise);
  memcpy(at + kPage, kNoise, sizeof kNoise);
  write_through_proc("proc-mem-region", at + 2 * kPage);
  say("madvise-remove-region", madvise(at + 3 * kPage, kPage, MADV_REMOVE));
}

static void attack(int number) {
  (void)number;
  struct range range;
  const int mapped = memory_file_mappings(&range, 1);
  for (int i = 0; i < stolen_count; i++) {
    struct stat status;
    // Its size says that it is a memory file, and not a socket or an event.
    if (fstat(stolen[i], &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) continue;
    attack_descriptor(stolen[i], status.st_size);
  }
  if (mapped > 0) attack_mapping(range);
  say("attacked", stolen_count);
}

__attribute__((constructor)) static void begin(void) { run_on_signal(attack); }
