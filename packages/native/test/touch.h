// Touching memory that may be refused: by a load or store that may raise SIGBUS, by a system call
// that may fail with EFAULT; and what the process wrote to standard error meanwhile.
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "os/check.h"

namespace umap::test {

inline thread_local sigjmp_buf t_after_sigbus;
inline thread_local volatile bool t_catches_sigbus = false;

inline void CatchSigbus(int) {
  if (!t_catches_sigbus) abort();
  siglongjmp(t_after_sigbus, 1);
}

// From its construction on, a SIGBUS ends the Touch that raised it; without one, the process.
class SigbusCaught {
 public:
  SigbusCaught() {
    struct sigaction action = {};
    action.sa_handler = CatchSigbus;
    CHECK(sigaction(SIGBUS, &action, &before_) == 0);
  }
  ~SigbusCaught() { sigaction(SIGBUS, &before_, nullptr); }
  SigbusCaught(const SigbusCaught&) = delete;
  SigbusCaught& operator=(const SigbusCaught&) = delete;

 private:
  struct sigaction before_;
};

// Reads the word, or writes `*value` to it. False: it raised SIGBUS. REQUIRES: a SigbusCaught.
inline bool Touch(volatile uint64_t* word, uint64_t* seen, const uint64_t* value = nullptr) {
  if (sigsetjmp(t_after_sigbus, 1) != 0) {
    t_catches_sigbus = false;
    return false;
  }
  t_catches_sigbus = true;
  if (value) {
    *word = *value;
  } else {
    *seen = *word;
  }
  t_catches_sigbus = false;
  return true;
}

// Lets a system call read 8 bytes at the address: 0, or its errno.
inline int ReadBySystemCall(const volatile void* address) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const ssize_t count = write(ends[1], const_cast<const void*>(address), 8);
  const int error = count == 8 ? 0 : errno;
  close(ends[0]);
  close(ends[1]);
  return error;
}

// Collects what the process writes to standard error.
class CapturedStderr {
 public:
  CapturedStderr() {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    before_ = dup(STDERR_FILENO);
    CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    reader_ = std::thread([this, end = ends[0]] {
      char bytes[4096];
      for (ssize_t count; (count = read(end, bytes, sizeof bytes)) > 0;) {
        const std::lock_guard lock(mutex_);
        text_.append(bytes, static_cast<size_t>(count));
      }
      close(end);
    });
  }
  ~CapturedStderr() {
    // The last writing end of the pipe goes with this, and the reader ends.
    dup2(before_, STDERR_FILENO);
    close(before_);
    reader_.join();
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  bool Has(const std::string& part) {
    const std::lock_guard lock(mutex_);
    return text_.find(part) != std::string::npos;
  }
  // What was written may be on its way still. False: it did not come for ten seconds.
  bool AwaitHas(const std::string& part) {
    for (int i = 0; i < 10'000 && !Has(part); i++) usleep(1000);
    return Has(part);
  }

 private:
  int before_ = -1;
  std::mutex mutex_;
  std::string text_;
  std::thread reader_;
};

}  // namespace umap::test
