// See file_calls.h.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "os/file_calls.h"

namespace umap {

int PunchHole(int fd, uint64_t offset, uint64_t bytes) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                   static_cast<off_t>(bytes));
}

int SyncData(int fd) { return fdatasync(fd); }

ssize_t ReadWithoutWaiting(int fd, const iovec& target, uint64_t offset) {
  return preadv2(fd, &target, 1, static_cast<off_t>(offset), RWF_NOWAIT);
}

}  // namespace umap
