// See log.h.
#include "os/log.h"

#include <errno.h>
#include <unistd.h>

#include <atomic>

namespace umap {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kWarning};

}  // namespace

void SetLogLevel(LogLevel level) { g_level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level <= g_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, const std::string& line) {
  if (!LogEnabled(level)) return;
  const std::string text = "umap: " + line + "\n";
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = write(STDERR_FILENO, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    written += static_cast<size_t>(count);
  }
}

}  // namespace umap
