// See thread_self.h. Compiled, but never run.
#include <mach/mach_init.h>
#include <pthread.h>

#include "os/thread_self.h"

namespace umap {

void NameThisThread(const char* name) { pthread_setname_np(name); }

// The port of the thread, which is known without a call.
int32_t ThisThreadId() { return static_cast<int32_t>(pthread_mach_thread_np(pthread_self())); }

}  // namespace umap
