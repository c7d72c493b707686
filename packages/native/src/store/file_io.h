// Moves whole byte ranges between a descriptor and scattered memory: repeats what the kernel cut
// short, and tells an error from the end of the file. Runs on the thread that calls; never takes a
// lock and never touches the memory itself.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace umap {

// Walks over iovecs that it does not own and never changes, since a call may be submitted again.
class IovecCursor {
 public:
  explicit IovecCursor(std::span<const iovec> iovecs) : iovecs_(iovecs) {}

  // What the next system call takes: at most `bytes_max` bytes and IOV_MAX iovecs, never empty
  // while bytes are left and bytes_max > 0. Valid until the next call on this cursor.
  std::span<const iovec> Next(uint64_t bytes_max);
  void Advance(uint64_t byte_length);

 private:
  std::span<const iovec> iovecs_;
  size_t index_ = 0;
  // Bytes of iovecs_[index_] that are done; less than its length, save when that is 0.
  size_t skip_ = 0;
  // The part of an iovec that Next returned.
  iovec part_ = {};
};

enum class TransferKind : uint8_t { kRead, kWrite };

// error 0 and fewer bytes than asked for: the file ended.
struct TransferResult {
  int error = 0;
  uint64_t byte_length = 0;
};

// Moves `byte_length` bytes at `offset` of the file and moves the cursor on by what was done. EINTR
// is repeated. `block_bytes` is 1 for an ordinary descriptor; an O_DIRECT one cannot go on after a
// count that is no multiple of its block, which a file gives only at its end.
TransferResult Transfer(TransferKind kind, int fd, IovecCursor* cursor, uint64_t offset,
                        uint64_t byte_length, uint64_t block_bytes = 1);

}  // namespace umap
