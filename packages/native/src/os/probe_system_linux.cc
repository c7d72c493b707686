// Reads what the machine allows: names, limits, memory, and whether a few interfaces answer.
#include "os/probe_system.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>

#include "os/uffd_abi.h"
#include "os/unique_fd.h"

namespace umap {

namespace {

// "always [madvise] never" says "madvise".
std::string ChosenWord(const std::string& path) {
  const std::string text = ReadTextFile(path).value_or("");
  const size_t open = text.find('[');
  const size_t close = text.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return text.substr(open + 1, close - open - 1);
}

// A line of /proc/meminfo, whose unit is KiB.
std::optional<uint64_t> MeminfoBytes(const std::string& text, const std::string& key) {
  const auto field = FindField(text, key);
  const auto kib = field ? ParseNumber(*field) : std::nullopt;
  if (!kib) return std::nullopt;
  return *kib * 1024;
}

// `resource` is a number in some C libraries and an enum in others.
std::optional<uint64_t> SoftLimit(auto resource) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0) return std::nullopt;
  if (limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

int TryPressureStall() {
  const UniqueFd file(open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  // Where it is compiled in but switched off, opening works and reading fails.
  char byte;
  return read(file.get(), &byte, 1) < 0 ? errno : 0;
}

int TryPagemapScan() {
  const UniqueFd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid()) return errno;
  const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* page = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  page_region found = {};
  pm_scan_arg scan = {};
  scan.size = sizeof scan;
  scan.start = reinterpret_cast<uint64_t>(page);
  scan.end = scan.start + bytes;
  scan.vec = reinterpret_cast<uint64_t>(&found);
  scan.vec_len = 1;
  scan.category_mask = PAGE_IS_PRESENT;
  scan.return_mask = PAGE_IS_PRESENT;
  const int error = ioctl(pagemap.get(), PAGEMAP_SCAN, &scan) < 0 ? errno : 0;
  munmap(page, bytes);
  return error;
}

int TryIoUring() {
  io_uring_params params = {};
  const UniqueFd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));
  return ring.valid() ? 0 : errno;
}

}  // namespace

std::optional<std::string> ReadTextFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::string text;
  char chunk[4096];
  for (;;) {
    const ssize_t bytes = read(file.get(), chunk, sizeof chunk);
    if (bytes == 0) return text;
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return std::nullopt;
    text.append(chunk, static_cast<size_t>(bytes));
  }
}

std::optional<uint64_t> ReadNumberFile(const std::string& path) {
  const auto text = ReadTextFile(path);
  return text ? ParseNumber(*text) : std::nullopt;
}

std::optional<std::string> FindField(const std::string& text, const std::string& key) {
  size_t line = 0;
  while (text.compare(line, key.size(), key) != 0) {
    line = text.find('\n', line);
    if (line == std::string::npos) return std::nullopt;
    ++line;
  }
  const size_t end = text.find('\n', line);
  const size_t start = text.find_first_not_of(" \t", line + key.size());
  if (start == std::string::npos || start >= end) return std::string();
  const size_t last = text.find_last_not_of(" \t", end == std::string::npos ? end : end - 1);
  return text.substr(start, last - start + 1);
}

std::optional<uint64_t> ParseNumber(const std::string& text, int base) {
  // strtoull would skip blanks and take a sign.
  const bool starts = !text.empty() && isxdigit(static_cast<unsigned char>(text.front())) != 0;
  if (!starts) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text.c_str(), &end, base);
  if (end == text.c_str() || errno != 0) return std::nullopt;
  return number;
}

SystemReport ReadSystem() {
  SystemReport report;
  utsname name;
  if (uname(&name) == 0) {
    // Lower case, as Node's process.platform has it.
    for (const char c : std::string(name.sysname)) {
      report.os += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    report.architecture = name.machine;
    report.kernel_release = name.release;
  }
  report.page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  report.processor_count = static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const std::string huge_pages = "/sys/kernel/mm/transparent_hugepage/";
  report.thp_enabled = ChosenWord(huge_pages + "enabled");
  report.thp_shmem_enabled = ChosenWord(huge_pages + "shmem_enabled");
  report.map_count_max = ReadNumberFile("/proc/sys/vm/max_map_count");
  report.overcommit_mode = ReadNumberFile("/proc/sys/vm/overcommit_memory");
  const std::string meminfo = ReadTextFile("/proc/meminfo").value_or("");
  report.mem_total_bytes = MeminfoBytes(meminfo, "MemTotal:");
  report.mem_available_bytes = MeminfoBytes(meminfo, "MemAvailable:");
  report.cgroup = ReadCgroup();
  report.address_space_bytes = SoftLimit(RLIMIT_AS);
  report.open_files_max = SoftLimit(RLIMIT_NOFILE);
  report.locked_bytes = SoftLimit(RLIMIT_MEMLOCK);
  report.pressure_stall_error = TryPressureStall();
  report.pagemap_scan_error = TryPagemapScan();
  report.io_uring_error = TryIoUring();
  return report;
}

}  // namespace umap
