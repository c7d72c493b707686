// See signal_mask.h.
#include "os/signal_mask.h"

#include <initializer_list>

namespace umap {

SignalsBlocked::SignalsBlocked() {
  sigset_t set;
  sigfillset(&set);
  for (const int crash : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS}) {
    sigdelset(&set, crash);
  }
  pthread_sigmask(SIG_BLOCK, &set, &before_);
}

}  // namespace umap
