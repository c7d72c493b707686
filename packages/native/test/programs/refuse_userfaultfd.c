// Runs a program under a seccomp filter that refuses userfaultfd, as container runtimes and
// sandboxes do. Needs no privilege; its children inherit the filter, and none of them can drop it.
//
//   refuse_userfaultfd all|missing|kernel-faults PROGRAM [ARG...]
//
// all: userfaultfd(2) and the request to /dev/userfaultfd fail with EPERM. missing: the same with
// ENOSYS and ENOTTY, as on a kernel without it. kernel-faults: only what asks for faults inside
// system calls is refused, as to a user without privilege.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "only x86-64 and arm64 are known here"
#endif

// linux/userfaultfd.h; written out, for older headers lack them.
#define USERFAULTFD_IOC_NEW 0xaa00
#define UFFD_USER_MODE_ONLY 1

// Both architectures are little-endian: the low half of an argument comes first.
#define NUMBER offsetof(struct seccomp_data, nr)
#define ARCHITECTURE offsetof(struct seccomp_data, arch)
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + (n) * 8)

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define IF_SET(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | ((error) & SECCOMP_RET_DATA))

// What userfaultfd(2) and the device's request fail with, and the flags that make up for it.
static int refuse(int call_error, int device_error, unsigned flags_allowed) {
  struct sock_filter filter[] = {
      LOAD(ARCHITECTURE),
      IF_EQUAL(OWN_ARCHITECTURE, 0, 9),
      LOAD(NUMBER),
      IF_EQUAL(SYS_userfaultfd, 0, 3),
      LOAD(ARGUMENT(0)),
      IF_SET(flags_allowed, 5, 0),
      REFUSE(call_error),
      IF_EQUAL(SYS_ioctl, 0, 3),
      LOAD(ARGUMENT(1)),
      IF_EQUAL(USERFAULTFD_IOC_NEW, 0, 1),
      // Faults inside system calls are all that the device is for.
      REFUSE(device_error),
      RETURN(SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int main(int argc, char** argv) {
  const char* const what = argc > 2 ? argv[1] : "";
  int refused = 0;
  if (strcmp(what, "all") == 0) {
    refused = refuse(EPERM, EPERM, 0);
  } else if (strcmp(what, "missing") == 0) {
    refused = refuse(ENOSYS, ENOTTY, 0);
  } else if (strcmp(what, "kernel-faults") == 0) {
    refused = refuse(EPERM, EPERM, UFFD_USER_MODE_ONLY);
  } else {
    fprintf(stderr, "usage: refuse_userfaultfd all|missing|kernel-faults PROGRAM [ARG...]\n");
    return 2;
  }
  if (refused != 0) {
    fprintf(stderr, "refuse_userfaultfd: seccomp: %s\n", strerror(errno));
    return 1;
  }
  execvp(argv[2], argv + 2);
  fprintf(stderr, "refuse_userfaultfd: %s: %s\n", argv[2], strerror(errno));
  return 127;
}
