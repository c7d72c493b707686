// A sequential write of a whole file, until it is durable: through memory, or by write(2) and
// fdatasync(2). The words count up, which costs next to nothing; afterwards some are read back.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "os/unique_fd.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

constexpr int kSamples = 1000;

void Count(uint64_t* words, uint64_t first, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) words[i] = first + i;
}

void WriteThroughMemory(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  auto* const words = reinterpret_cast<uint64_t*>(memory->data());
  Count(words, 0, options.file_bytes / kWordBytes);
  memory->Flush();
  memory->Check();
}

void WriteByCalls(const Options& options) {
  const UniqueFd fd(Must(open(options.file.c_str(), O_WRONLY | O_CLOEXEC), "open"));
  std::vector<uint64_t> block(kBlockBytes / kWordBytes);
  for (uint64_t offset = 0; offset < options.file_bytes; offset += kBlockBytes) {
    const uint64_t bytes = std::min(kBlockBytes, options.file_bytes - offset);
    Count(block.data(), offset / kWordBytes, bytes / kWordBytes);
    if (write(fd.get(), block.data(), bytes) != static_cast<ssize_t>(bytes)) {
      Fail("write: %s", std::strerror(errno));
    }
  }
  Must(fdatasync(fd.get()), "fdatasync");
}

void VerifySamples(const Options& options) {
  const UniqueFd fd(Must(open(options.file.c_str(), O_RDONLY | O_CLOEXEC), "open"));
  Random random(options.seed);
  for (int i = 0; i < kSamples; i++) {
    const uint64_t index = random.Below(options.file_bytes / kWordBytes);
    uint64_t word = 0;
    const auto offset = static_cast<off_t>(index * kWordBytes);
    if (pread(fd.get(), &word, sizeof word, offset) != sizeof word || word != index) {
      Fail("wrong bytes at offset %lu", index * kWordBytes);
    }
  }
}

}  // namespace

void RunScanWrite(const Options& options) {
  const int64_t started_ns = NowNs();
  if (options.memory == "write") {
    WriteByCalls(options);
  } else {
    WriteThroughMemory(options);
  }
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  VerifySamples(options);
  std::printf("{\"megabytesPerSecond\":%.1f}\n",
              static_cast<double>(options.file_bytes) / 1e6 / seconds);
}

}  // namespace umap::bench
