// One fdatasync at a time, shared by all who wait for it.
#include "store/file_sync.h"

#include <unistd.h>

#include <cerrno>

namespace umap {

Status FileSync::Sync(int fd, const std::string& label) {
  const uint64_t wanted = written_.load(std::memory_order_acquire);

  std::unique_lock lock(mutex_);
  // A sync that is under way began before this call and may miss the last of our writes, but two
  // at once would share out the kernel's single report of a failure: wait for it, then look.
  sync_ended_.wait(lock, [&] { return !syncing_ || attempted_ >= wanted; });
  if (attempted_ >= wanted) return failure_;

  syncing_ = true;
  const uint64_t covered = written_.load(std::memory_order_acquire);
  lock.unlock();
  int error = 0;
  while (fdatasync(fd) != 0) {
    error = errno;
    if (error != EINTR) break;
    error = 0;
  }
  lock.lock();

  syncing_ = false;
  attempted_ = covered;
  if (error != 0 && failure_.ok()) {
    failure_ = SystemError(error, "fdatasync of " + label +
                                      " failed, and what was written since the last flush may be "
                                      "lost; the store must be opened anew");
    // The same call would succeed without having written anything.
    failure_.retryable = false;
  }
  sync_ended_.notify_all();
  return failure_;
}

}  // namespace umap
