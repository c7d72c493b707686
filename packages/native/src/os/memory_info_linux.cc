// See memory_info.h. proc(5), cgroups(7).
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "os/memory_info.h"

namespace umap {
namespace {

// A file that holds one number; false for "max" and for no file.
bool ReadNumber(const std::string& path, uint64_t* number) {
  std::ifstream file(path);
  return static_cast<bool>(file >> *number);
}

// What the cgroup at `directory` leaves below its limit; no limit leaves everything.
uint64_t LeftIn(const std::string& directory, const char* limit_file, const char* used_file) {
  uint64_t limit = 0;
  uint64_t used = 0;
  if (!ReadNumber(directory + limit_file, &limit)) return UINT64_MAX;
  if (!ReadNumber(directory + used_file, &used)) return UINT64_MAX;
  return limit > used ? limit - used : 0;
}

// The smallest rest along a cgroup's path up to the root: each ancestor limits too.
uint64_t LeftInCgroups() {
  std::ifstream file("/proc/self/cgroup");
  uint64_t left = UINT64_MAX;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && controllers.find("memory") == std::string::npos) continue;
    std::string path = line.substr(second + 1);
    for (;;) {
      const std::string root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
      left = std::min(left, unified ? LeftIn(root + path, "/memory.max", "/memory.current")
                                    : LeftIn(root + path, "/memory.limit_in_bytes",
                                             "/memory.usage_in_bytes"));
      const size_t slash = path.rfind('/');
      if (path.size() <= 1 || slash == std::string::npos) break;
      path.resize(slash == 0 ? 1 : slash);
    }
  }
  return left;
}

}  // namespace

MemoryInfo ReadSystemMemory() {
  MemoryInfo info;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    const uint64_t kib = std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
    if (line.starts_with("MemTotal:")) info.total_bytes = kib * 1024;
    if (line.starts_with("MemAvailable:")) info.available_bytes = kib * 1024;
  }
  info.available_bytes = std::min(info.available_bytes, LeftInCgroups());
  return info;
}

}  // namespace umap
