// See mapping.h.
#include "os/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/advice.h"
#include "os/check.h"

namespace umap {
namespace {

size_t SystemPageBytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

Status Mapping::Reserve(size_t bytes, size_t align, bool huge, Mapping* mapping) {
  if (bytes == 0) {
    *mapping = Mapping();
    return Status::Ok();
  }
  const size_t slack = align > SystemPageBytes() ? align : 0;
  void* raw = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) {
    return SystemError(errno, "reserving " + std::to_string(bytes) + " bytes of address space");
  }
  // Cut the slack off on both sides, so that the mapping is one aligned range.
  uint8_t* const begin = static_cast<uint8_t*>(raw);
  const uint64_t misaligned = align ? reinterpret_cast<uint64_t>(begin) % align : 0;
  const size_t head = slack && misaligned ? align - misaligned : 0;
  if (head > 0) munmap(begin, head);
  if (slack > head) munmap(begin + head + bytes, slack - head);

  Mapping result;
  result.data_ = begin + head;
  result.bytes_ = bytes;
  result.huge_ = huge;
  if (KeepPrivate(result.data_, bytes, huge) != 0) {
    return SystemError(errno, "keeping a mapping out of child processes");
  }
  *mapping = std::move(result);
  return Status::Ok();
}

Status Mapping::MapShared(int fd, size_t bytes, size_t align, bool accessible,
                          Mapping* mapping) {
  Mapping result;
  Status status = Reserve(bytes, align, false, &result);
  if (!status.ok() || bytes == 0) return status;
  const int protection = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
  if (mmap(result.data_, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
      KeepPrivate(result.data_, bytes, false) != 0) {
    return SystemError(errno, "mapping " + std::to_string(bytes) + " bytes of shared memory");
  }
  result.shared_ = true;
  *mapping = std::move(result);
  return Status::Ok();
}

void Mapping::MapFile(size_t offset, size_t bytes, int fd) const {
  void* const mapped = mmap(data_ + offset, bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_FIXED, fd, 0);
  CHECK(mapped == data_ + offset);
  CHECK(KeepFromChildren(data_ + offset, bytes) == 0);
}

void Mapping::MapInaccessible(size_t offset, size_t bytes, int fd) const {
  const int kind = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const mapped = mmap(data_ + offset, bytes, PROT_NONE, kind | MAP_FIXED, fd,
                            fd >= 0 ? static_cast<off_t>(offset) : 0);
  CHECK(mapped == data_ + offset);
  CHECK(KeepPrivate(data_ + offset, bytes, huge_) == 0);
}

void Mapping::MakeAccessible(size_t offset, size_t bytes) const {
  CHECK(mprotect(data_ + offset, bytes, PROT_READ | PROT_WRITE) == 0);
}

void Mapping::Release(size_t offset, size_t bytes) const {
  CHECK(GiveBack(data_ + offset, bytes, shared_) == 0);
}

void Mapping::ReleaseEach(const iovec* parts, size_t count) const {
  CHECK(!shared_ && GiveBackEach(parts, count) == 0);
}

void Mapping::Reset() {
  if (data_) CHECK(munmap(data_, bytes_) == 0);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace umap
