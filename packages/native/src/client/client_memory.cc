// See client_memory.h.
#include "client/client_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "os/advice.h"
#include "os/check.h"

namespace umap {

int ClientMemory::Flags() const {
  // userfaultfd takes no shared mapping of a descriptor that is open for reading only.
  return (writable_ ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE | MAP_FIXED;
}

Status ClientMemory::Map(UniqueFd file, uint64_t bytes, uint64_t align, bool writable,
                         bool keeps_file) {
  struct stat found;
  if (fstat(file.get(), &found) != 0) return SystemError(errno, "looking at a server's memory");
  if (!S_ISREG(found.st_mode) || static_cast<uint64_t>(found.st_size) < bytes) {
    return Status::Fail(EINVAL, "the server's memory is smaller than its data set");
  }
  // Address space first, for the alignment; the mapping takes its place.
  Mapping reserved;
  Status status = Mapping::Reserve(bytes, align, false, &reserved);
  if (!status.ok()) return status;
  writable_ = writable;
  void* const mapped =
      mmap(reserved.data(), bytes, PROT_READ | PROT_WRITE, Flags(), file.get(), 0);
  if (mapped == MAP_FAILED || KeepPrivate(reserved.data(), bytes, false) != 0) {
    return SystemError(errno, "mapping " + std::to_string(bytes) + " bytes of a server's memory");
  }
  if (keeps_file) {
    empty_file_.Reset(memfd_create("umap-failed", MFD_CLOEXEC));
    if (!empty_file_) return SystemError(errno, "memfd_create");
    file_ = std::move(file);
  }
  mapping_ = std::move(reserved);
  return Status::Ok();
}

void ClientMemory::Replace(uint64_t offset, uint64_t bytes) const {
  uint8_t* const begin = data() + offset;
  CHECK(mmap(begin, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, empty_file_.get(), 0) ==
        begin);
  CHECK(KeepFromChildren(begin, bytes) == 0);
}

Status ClientMemory::Restore(const OwnFaults& faults, uint64_t offset, uint64_t bytes) const {
  uint8_t* const begin = data() + offset;
  // Not accessible until it is registered: a touch in between must not find fresh zeros.
  if (mmap(begin, bytes, PROT_NONE, Flags(), file_.get(), static_cast<off_t>(offset)) != begin ||
      KeepPrivate(begin, bytes, false) != 0) {
    return SystemError(errno, "mapping a page of a server's memory again");
  }
  Status status = faults.Register(address() + offset, bytes, writable_);
  if (!status.ok()) return status;
  return mprotect(begin, bytes, PROT_READ | PROT_WRITE) == 0
             ? Status::Ok()
             : SystemError(errno, "opening a page of a server's memory again");
}

}  // namespace umap
