// See test_points.h.
#include "page/test_points.h"

#include <map>
#include <memory>
#include <string_view>

#include "os/mutex.h"

namespace umap {

std::atomic<bool> g_test_points_armed{false};

namespace {

Mutex g_mutex;

// Never destroyed: engine threads may reach a point while the process ends.
// Looking one up asks for no memory, which a signal handler could not have.
using Hook = std::shared_ptr<const std::function<void()>>;
std::map<std::string, Hook, std::less<>>& Hooks() {
  static auto* hooks = new std::map<std::string, Hook, std::less<>>();
  return *hooks;
}

}  // namespace

void RunTestPoint(const char* name) {
  Hook hook;
  {
    MutexLock lock(g_mutex);
    const auto found = Hooks().find(std::string_view(name));
    if (found == Hooks().end()) return;
    hook = found->second;
  }
  (*hook)();
}

void SetTestPoint(const std::string& name, std::function<void()> hook) {
  MutexLock lock(g_mutex);
  if (hook) {
    Hooks()[name] = std::make_shared<const std::function<void()>>(std::move(hook));
  } else {
    Hooks().erase(name);
  }
  g_test_points_armed.store(!Hooks().empty());
}

}  // namespace umap
