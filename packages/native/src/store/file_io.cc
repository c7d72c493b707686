// The loops over preadv and pwritev. Any thread.
#include "store/file_io.h"

#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>
#include <climits>

namespace umap {
namespace {

// The usual read has one piece, for which the kernel has a shorter way.
ssize_t ReadAt(int fd, const iovec* iovecs, int count, off_t offset) {
  if (count == 1) return pread(fd, iovecs->iov_base, iovecs->iov_len, offset);
  return preadv(fd, iovecs, count, offset);
}

// The source of a write-back is memory that the application may write at the same time: the pager
// notices, and writes it again. TSan would call it a race where it intercepts pwritev.
ssize_t WriteAt(int fd, const iovec* iovecs, int count, off_t offset) {
#if defined(__SANITIZE_THREAD__)
  return syscall(SYS_pwritev, fd, iovecs, count, offset, 0);
#else
  return pwritev(fd, iovecs, count, offset);
#endif
}

}  // namespace

std::span<const iovec> IovecCursor::Next(uint64_t bytes_max) {
  while (index_ < iovecs_.size() && iovecs_[index_].iov_len == 0) ++index_;
  if (index_ == iovecs_.size()) return {};

  const iovec& first = iovecs_[index_];
  if (skip_ > 0 || first.iov_len > bytes_max) {
    part_.iov_base = static_cast<char*>(first.iov_base) + skip_;
    part_.iov_len = std::min<uint64_t>(first.iov_len - skip_, bytes_max);
    return {&part_, 1};
  }
  const size_t count_max = std::min<size_t>(iovecs_.size() - index_, IOV_MAX);
  size_t count = 0;
  for (uint64_t bytes = 0; count < count_max; ++count) {
    bytes += iovecs_[index_ + count].iov_len;
    if (bytes > bytes_max) break;
  }
  return iovecs_.subspan(index_, count);
}

void IovecCursor::Advance(uint64_t byte_length) {
  while (byte_length > 0 && index_ < iovecs_.size()) {
    const uint64_t left = iovecs_[index_].iov_len - skip_;
    if (byte_length < left) {
      skip_ += byte_length;
      return;
    }
    byte_length -= left;
    skip_ = 0;
    ++index_;
  }
}

TransferResult Transfer(TransferKind kind, int fd, IovecCursor* cursor, uint64_t offset,
                        uint64_t byte_length, uint64_t block_bytes) {
  uint64_t done = 0;
  while (done < byte_length) {
    const std::span<const iovec> part = cursor->Next(byte_length - done);
    // Fewer bytes of memory than of file: the call contradicts itself.
    if (part.empty()) return {EINVAL, done};
    const int count = static_cast<int>(part.size());
    const off_t position = static_cast<off_t>(offset + done);
    const ssize_t moved = kind == TransferKind::kRead ? ReadAt(fd, part.data(), count, position)
                                                      : WriteAt(fd, part.data(), count, position);
    if (moved < 0) {
      if (errno == EINTR) continue;
      return {errno, done};
    }
    // Only a read says "end of file" with 0; a write that makes no progress never would.
    if (moved == 0) return {kind == TransferKind::kRead ? 0 : EIO, done};
    cursor->Advance(static_cast<uint64_t>(moved));
    done += static_cast<uint64_t>(moved);
    if (done % block_bytes != 0 && done < byte_length) return {0, done};
  }
  return {0, done};
}

}  // namespace umap
