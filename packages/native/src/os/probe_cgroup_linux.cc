// Finds the memory cgroup of this process and the tightest limit on the way up to the root, for
// cgroup version 1 and 2, also where a container sees only its own part of the tree.
#include <sstream>

#include "os/probe_system.h"

namespace umap {

namespace {

struct Mount {
  // Path inside the hierarchy that is mounted, and where it is mounted.
  std::string root;
  std::string point;
};

// What differs between the versions.
struct Version {
  uint64_t number;
  const char* file_system;
  const char* limit_file;
  const char* current_file;
};

constexpr Version kVersion1 = {1, "cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes"};
constexpr Version kVersion2 = {2, "cgroup2", "memory.max", "memory.current"};
// Version 1 has no word for "unlimited", only a number near the largest.
constexpr uint64_t kUnlimitedBytes = uint64_t{1} << 62;

// Whether `words`, separated by commas, contain `word`.
bool Contains(const std::string& words, const std::string& word) {
  return ("," + words + ",").find("," + word + ",") != std::string::npos;
}

// This process's path in the hierarchy. Lines of /proc/self/cgroup are "ID:CONTROLLERS:PATH"; the
// one of version 2 is "0::PATH".
std::optional<std::string> FindPath(const Version& version) {
  std::istringstream lines(ReadTextFile("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool matches =
        version.number == 2 ? line.starts_with("0::") : Contains(controllers, "memory");
    if (matches) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Lines of /proc/self/mountinfo: "ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE SUPER".
std::optional<Mount> FindMount(const Version& version) {
  std::istringstream lines(ReadTextFile("/proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream before(line.substr(0, separator));
    std::istringstream after(line.substr(separator + 3));
    std::string skipped, type, options;
    Mount mount;
    before >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    after >> type >> skipped >> options;
    if (type != version.file_system) continue;
    if (version.number == 2 || Contains(options, "memory")) return mount;
  }
  return std::nullopt;
}

// The directory of this process's cgroup below the mount point, such as "/a/b"; "" is the mount
// point itself. A container often sees only its own part, whose path the mount's root repeats.
std::string RelativePath(const Mount& mount, const std::string& path) {
  std::string relative = path;
  if (mount.root != "/" && path.starts_with(mount.root)) relative = path.substr(mount.root.size());
  // A path above the root of a cgroup namespace starts with "/..": nothing of it can be seen.
  if (relative == "/" || relative.starts_with("/..")) return {};
  return relative;
}

std::optional<CgroupReport> ReadVersion(const Version& version) {
  const auto path = FindPath(version);
  const auto mount = FindMount(version);
  if (!path || !mount) return std::nullopt;

  CgroupReport report;
  std::string relative = RelativePath(*mount, *path);
  const std::string own = mount->point + relative + "/";
  report.memory_current_bytes = ReadNumberFile(own + version.current_file);
  // Either file is missing where the controller is off, or in the root of version 2.
  const bool controlled = report.memory_current_bytes || ReadTextFile(own + version.limit_file);
  for (;;) {
    const std::string directory = mount->point + relative + "/";
    const auto limit = ReadNumberFile(directory + version.limit_file);
    const uint64_t tightest = report.memory_limit_bytes.value_or(kUnlimitedBytes);
    if (limit && *limit < tightest) {
      report.memory_limit_bytes = limit;
      report.memory_current_bytes = ReadNumberFile(directory + version.current_file);
    }
    const size_t parent = relative.rfind('/');
    if (parent == std::string::npos) break;
    relative.resize(parent);
  }
  if (!controlled && !report.memory_limit_bytes) return std::nullopt;
  report.version = version.number;
  return report;
}

}  // namespace

CgroupReport ReadCgroup() {
  // Where both are mounted, memory is controlled by one of them only: version 1 says so by name.
  if (const auto report = ReadVersion(kVersion1)) return *report;
  if (const auto report = ReadVersion(kVersion2)) return *report;
  return {};
}

}  // namespace umap
