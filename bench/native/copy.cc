// memcpy of as many bytes as a scan reads, from memory to memory: what the processor could do at
// best. Both sides are as large as the buffer, far larger than the processor's caches.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "fail.h"
#include "os/clock.h"
#include "programs.h"

namespace umap::bench {
namespace {

uint8_t* MapTouched(uint64_t bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
  std::memset(memory, 1, bytes);
  return static_cast<uint8_t*>(memory);
}

}  // namespace

void RunCopy(const Options& options) {
  const uint64_t bytes = std::min(options.buffer_bytes, options.file_bytes);
  const uint8_t* const from = MapTouched(bytes);
  uint8_t* const to = MapTouched(bytes);
  const int64_t started_ns = NowNs();
  for (uint64_t offset = 0; offset < options.file_bytes; offset += bytes) {
    std::memcpy(to, from, std::min(bytes, options.file_bytes - offset));
    // The copy must happen, though nobody looks at all of it.
    asm volatile("" : : "r"(to) : "memory");
  }
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  std::printf("{\"megabytesPerSecond\":%.1f}\n",
              static_cast<double>(options.file_bytes) / 1e6 / seconds);
}

}  // namespace umap::bench
