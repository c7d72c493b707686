// SEEK_DATA and holes that are punched. Any thread.
#include "store/file_holes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "os/file_calls.h"

namespace umap {

namespace {

// st_blocks counts units of 512 bytes, whatever the block size of the file system.
bool LooksSparse(const struct stat& file) {
  return S_ISREG(file.st_mode) &&
         static_cast<uint64_t>(file.st_blocks) * 512 < static_cast<uint64_t>(file.st_size);
}

}  // namespace

FileHoles::FileHoles(int fd, const struct stat& file, bool seekable)
    : fd_(fd), seekable_(seekable && S_ISREG(file.st_mode)), sparse_(LooksSparse(file)) {}

bool FileHoles::IsHole(uint64_t offset, uint64_t byte_length) {
  if (!seekable_ || !sparse_.load(std::memory_order_relaxed)) return false;
  const uint64_t end = offset + byte_length;
  const off_t data = lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
  if (data >= 0) return static_cast<uint64_t>(data) >= end;
  // ENXIO: no data from here on, which the end of a truncated file says too.
  struct stat file;
  if (errno == ENXIO) return fstat(fd_, &file) == 0 && static_cast<uint64_t>(file.st_size) >= end;
  // The file system does not tell holes apart (EINVAL), or the call failed: the read decides.
  if (errno == EINVAL) sparse_.store(false, std::memory_order_relaxed);
  return false;
}

int FileHoles::Punch(uint64_t offset, uint64_t byte_length) {
  if (!punches_.load(std::memory_order_relaxed)) return EOPNOTSUPP;
  // Before the hole can exist, so that nobody reads it as data once the discard has ended.
  sparse_.store(true, std::memory_order_relaxed);
  while (PunchHole(fd_, offset, byte_length) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
    punches_.store(false, std::memory_order_relaxed);
    return EOPNOTSUPP;
  }
  return 0;
}

}  // namespace umap
