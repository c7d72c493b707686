// Named points of the pipeline at which a test can stop the thread that reaches them, to force an
// interleaving. Costs one relaxed load where no test is listening.
//
// Points: fault-read, before-fill, before-map, after-map, before-unprotect, before-evict-move,
// after-evict-move, before-move-back, before-write-back, after-write-back,
// before-finish-write-back, before-discard, before-abandon, before-trim; and of regions that
// clients map: before-give, before-give-write, before-await-page, before-punch.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace umap {

extern std::atomic<bool> g_test_points_armed;

void RunTestPoint(const char* name);
// An empty function removes the hook. Thread-safe.
void SetTestPoint(const std::string& name, std::function<void()> hook);

inline void TestPoint(const char* name) {
  if (__builtin_expect(g_test_points_armed.load(std::memory_order_relaxed), 0)) RunTestPoint(name);
}

}  // namespace umap
