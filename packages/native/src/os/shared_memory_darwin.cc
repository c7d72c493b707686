// See shared_memory.h. macOS: shm_open(2) under a name that is gone at once. Compiled, but never
// run.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "os/shared_memory.h"

namespace umap {

Status CreateSharedMemory(const char*, uint64_t bytes, UniqueFd* memory) {
  // The name has 31 characters at most, and is other processes' too for a moment.
  static std::atomic<uint32_t> created = 0;
  UniqueFd result;
  do {
    const std::string name =
        "/umap-" + std::to_string(getpid()) + "-" + std::to_string(created.fetch_add(1));
    result.Reset(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (result) shm_unlink(name.c_str());
  } while (!result && errno == EEXIST);
  if (!result || fcntl(result.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return SystemError(errno, "shm_open");
  }
  if (bytes > 0 && ftruncate(result.get(), static_cast<off_t>(bytes)) != 0) {
    return SystemError(errno, std::to_string(bytes) + " bytes of shared memory");
  }
  *memory = std::move(result);
  return Status::Ok();
}

Status CreateSealedMemory(const char*, uint64_t, UniqueFd*) {
  return Status::Fail(ENOSYS, "macOS has no sealed memory for a store host in another process");
}

// The kernel has no such limit.
uint64_t MappingsLeft() { return UINT64_MAX / 8; }

}  // namespace umap
