// See test_points.h.
#include "page/test_points.h"

#include <map>

#include "os/mutex.h"

namespace umap {

std::atomic<bool> g_test_points_armed{false};

namespace {

Mutex g_mutex;

// Never destroyed: engine threads may reach a point while the process ends.
std::map<std::string, std::function<void()>>& Hooks() {
  static auto* hooks = new std::map<std::string, std::function<void()>>();
  return *hooks;
}

}  // namespace

void RunTestPoint(const char* name) {
  std::function<void()> hook;
  {
    MutexLock lock(g_mutex);
    const auto found = Hooks().find(name);
    if (found == Hooks().end()) return;
    hook = found->second;
  }
  hook();
}

void SetTestPoint(const std::string& name, std::function<void()> hook) {
  MutexLock lock(g_mutex);
  if (hook) {
    Hooks()[name] = std::move(hook);
  } else {
    Hooks().erase(name);
  }
  g_test_points_armed.store(!Hooks().empty());
}

}  // namespace umap
