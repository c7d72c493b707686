// See file_calls.h. Compiled, but never run.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "os/file_calls.h"

namespace umap {

int PunchHole(int fd, uint64_t offset, uint64_t bytes) {
  fpunchhole_t hole = {};
  hole.fp_offset = static_cast<off_t>(offset);
  hole.fp_length = static_cast<off_t>(bytes);
  if (fcntl(fd, F_PUNCHHOLE, &hole) == 0) return 0;
  // EINVAL: not whole blocks, and there are no holes then. The caller writes zeros for both.
  if (errno == ENOTSUP || errno == ENOTTY || errno == EINVAL) errno = EOPNOTSUPP;
  return -1;
}

int SyncData(int fd) {
  // fsync() leaves the data in the cache of the disk. Not every file system can do better.
  if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
  return errno == ENOTSUP || errno == ENOTTY || errno == EINVAL ? fsync(fd) : -1;
}

ssize_t ReadWithoutWaiting(int, const iovec&, uint64_t) {
  errno = ENOSYS;
  return -1;
}

}  // namespace umap
