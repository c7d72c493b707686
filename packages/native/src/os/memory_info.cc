// See memory_info.h.
#include "os/memory_info.h"

#include "os/mutex.h"

namespace umap {
namespace {

Mutex g_test_mutex;
bool g_test_set GUARDED_BY(g_test_mutex) = false;
MemoryInfo g_test_info GUARDED_BY(g_test_mutex);

}  // namespace

MemoryInfo ReadMemoryInfo() {
  {
    MutexLock lock(g_test_mutex);
    if (g_test_set) return g_test_info;
  }
  return ReadSystemMemory();
}

void SetMemoryInfoForTest(const MemoryInfo* info) {
  MutexLock lock(g_test_mutex);
  g_test_set = info != nullptr;
  if (info) g_test_info = *info;
}

}  // namespace umap
