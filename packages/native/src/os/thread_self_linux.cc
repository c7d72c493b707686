// See thread_self.h.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/thread_self.h"

namespace umap {

void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

int32_t ThisThreadId() { return static_cast<int32_t>(syscall(SYS_gettid)); }

}  // namespace umap
