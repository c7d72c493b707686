// See data_file.h.
#include "data_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "fail.h"
#include "os/unique_fd.h"
#include "pattern.h"

namespace umap::bench {
namespace {

UniqueFd OpenData(const Options& options, int flags) {
  return UniqueFd(Must(open(options.file.c_str(), flags | O_CLOEXEC), options.file.c_str()));
}

uint64_t CachedPages(const UniqueFd& fd, uint64_t file_bytes) {
  void* const memory = mmap(nullptr, file_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
  std::vector<unsigned char> cached((file_bytes + 4095) / 4096);
  Must(mincore(memory, file_bytes, cached.data()), "mincore");
  munmap(memory, file_bytes);
  return static_cast<uint64_t>(
      std::count_if(cached.begin(), cached.end(), [](unsigned char page) { return page & 1; }));
}

// Reads the file block by block; `use` gets each block.
template <typename Use>
void ReadBlocks(const UniqueFd& fd, uint64_t file_bytes, Use use) {
  std::vector<uint64_t> block(kBlockBytes / kWordBytes);
  for (uint64_t offset = 0; offset < file_bytes; offset += kBlockBytes) {
    const uint64_t bytes = std::min(kBlockBytes, file_bytes - offset);
    if (pread(fd.get(), block.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes)) {
      Fail("%s is shorter than it was", "the data file");
    }
    use(block.data(), bytes);
  }
}

}  // namespace

void WriteData(const Options& options) {
  const UniqueFd fd = OpenData(options, O_WRONLY);
  std::vector<uint64_t> block(kBlockBytes / kWordBytes);
  for (uint64_t offset = 0; offset < options.file_bytes; offset += kBlockBytes) {
    const uint64_t bytes = std::min(kBlockBytes, options.file_bytes - offset);
    for (uint64_t i = 0; i < bytes / kWordBytes; i++) block[i] = WordAt(offset / kWordBytes + i);
    if (pwrite(fd.get(), block.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes)) {
      Fail("cannot write the data file: %s", std::strerror(errno));
    }
  }
  Must(fsync(fd.get()), "fsync");
  std::printf("{}\n");
}

void DropCache(const Options& options) {
  const UniqueFd fd = OpenData(options, O_RDONLY);
  Must(fsync(fd.get()), "fsync");
  posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  uint64_t left = CachedPages(fd, options.file_bytes);
  if (left > 0) {
    // Pages that wait in a CPU's batch for their list are left by the first call; the batches are
    // drained meanwhile, or by the administrator's knob.
    const UniqueFd knob(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
    if (knob) Must(write(knob.get(), "1", 1), "drop_caches");
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    left = CachedPages(fd, options.file_bytes);
  }
  std::printf("{\"cachedPages\":%lu}\n", left);
}

void WarmCache(const Options& options) {
  const UniqueFd fd = OpenData(options, O_RDONLY);
  if (CachedPages(fd, options.file_bytes) * 4096 < options.file_bytes) {
    ReadBlocks(fd, options.file_bytes, [](const uint64_t*, uint64_t) {});
  }
  std::printf("{\"cachedPages\":%lu}\n", CachedPages(fd, options.file_bytes));
}

void PrintChecksum(const Options& options) {
  const UniqueFd fd = OpenData(options, O_RDONLY);
  Checksum checksum;
  double sum = 0;
  ReadBlocks(fd, options.file_bytes, [&](const uint64_t* words, uint64_t bytes) {
    checksum.AddBlock(SumWords(words, bytes));
    for (uint64_t i = 0; i < bytes / kWordBytes; i++) sum += std::bit_cast<double>(words[i]);
  });
  std::printf("{\"checksum\":\"%lu\",\"sum\":%.0f}\n", checksum.value(), sum);
}

}  // namespace umap::bench
