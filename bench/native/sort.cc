// Sorts a file of random words in place, from a cold file to a durable one, with two threads: the
// parallel quicksort of libstdc++, which LLNL UMap's sort benchmark uses too. The result is checked
// for order and for the sums of what went in.
#include <parallel/algorithm>

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

struct Sums {
  uint64_t sum = 0;
  uint64_t exclusive_or = 0;

  void Add(uint64_t word) {
    sum += word;
    exclusive_or ^= word;
  }
  bool operator==(const Sums&) const = default;
};

Sums SumsOfInput(const Options& options) {
  Random random(options.seed);
  Sums sums;
  for (uint64_t i = 0; i < options.file_bytes / kWordBytes; i++) sums.Add(random.Next());
  return sums;
}

void Verify(const Options& options) {
  const UniqueFd fd(Must(open(options.file.c_str(), O_RDONLY | O_CLOEXEC), "open"));
  std::vector<uint64_t> block(kBlockBytes / kWordBytes);
  Sums sums;
  uint64_t last = 0;
  for (uint64_t offset = 0; offset < options.file_bytes; offset += kBlockBytes) {
    const uint64_t bytes = std::min(kBlockBytes, options.file_bytes - offset);
    if (pread(fd.get(), block.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes)) {
      Fail("the sorted file is shorter than it was");
    }
    for (uint64_t i = 0; i < bytes / kWordBytes; i++) {
      if (block[i] < last) Fail("the words at offset %lu are not sorted", offset);
      last = block[i];
      sums.Add(last);
    }
  }
  if (sums != SumsOfInput(options)) Fail("the sorted file holds other words than the input");
}

}  // namespace

void WriteRandomWords(const Options& options) {
  const UniqueFd fd(Must(open(options.file.c_str(), O_WRONLY | O_CLOEXEC), "open"));
  Random random(options.seed);
  std::vector<uint64_t> block(kBlockBytes / kWordBytes);
  for (uint64_t offset = 0; offset < options.file_bytes; offset += kBlockBytes) {
    const uint64_t bytes = std::min(kBlockBytes, options.file_bytes - offset);
    for (uint64_t i = 0; i < bytes / kWordBytes; i++) block[i] = random.Next();
    if (pwrite(fd.get(), block.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes)) {
      Fail("cannot write the file: %s", std::strerror(errno));
    }
  }
  Must(fsync(fd.get()), "fsync");
  std::printf("{}\n");
}

void RunSort(const Options& options) {
  const int64_t started_ns = NowNs();
  int64_t sort_ns = 0;
  {
    const std::unique_ptr<Memory> memory = OpenMemory(options);
    auto* const words = reinterpret_cast<uint64_t*>(memory->data());
    const int64_t sort_started_ns = NowNs();
    const auto threads = static_cast<__gnu_parallel::_ThreadIndex>(options.threads);
    __gnu_parallel::sort(words, words + options.file_bytes / kWordBytes,
                         __gnu_parallel::balanced_quicksort_tag(threads));
    sort_ns = NowNs() - sort_started_ns;
    memory->Flush();
    memory->Check();
  }
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  Verify(options);
  std::printf("{\"seconds\":%.3f,\"sortSeconds\":%.3f}\n", seconds,
              static_cast<double>(sort_ns) / 1e9);
}

}  // namespace umap::bench
