// One fdatasync at a time, shared by all who wait for it.
#include "store/file_sync.h"

#include <cerrno>

namespace umap {

Status FileSync::Sync(int fd, const std::string& label) {
  const uint64_t wanted = written_.load(std::memory_order_acquire);
  uint64_t covered = 0;

  // 1. A sync that is under way began before this call and may miss the last of our writes, but two
  // at once would share out the kernel's single report of a failure: wait for it, then look.
  {
    MutexLock lock(mutex_);
    while (syncing_ && attempted_ < wanted) sync_ended_.Wait(mutex_);
    if (attempted_ >= wanted) return failure_;
    syncing_ = true;
    covered = written_.load(std::memory_order_acquire);
  }

  // 2. Sync, with no lock held.
  int error = 0;
  do {
    error = fdatasync_(fd) == 0 ? 0 : errno;
  } while (error == EINTR);

  // 3. Tell those who waited.
  MutexLock lock(mutex_);
  syncing_ = false;
  attempted_ = covered;
  if (error != 0 && failure_.ok()) {
    failure_ = SystemError(error, "fdatasync of " + label +
                                      " failed, and what was written since the last flush may be "
                                      "lost; the store must be opened anew");
    // The same call would succeed without having written anything.
    failure_.retryable = false;
  }
  sync_ended_.NotifyAll();
  return failure_;
}

}  // namespace umap
