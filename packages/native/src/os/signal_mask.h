// Keeps signals away from the calling thread. What holds a lock that a fault handler may want must
// not be interrupted on the same thread by code that touches a region.
#pragma once

#include <signal.h>

namespace umap {

// Blocks all signals but those that report a crash of the thread itself (SIGSEGV, SIGBUS, SIGILL,
// SIGFPE, SIGTRAP, SIGABRT, SIGSYS), which would end the process without a word if they were
// blocked. May be nested.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace umap
