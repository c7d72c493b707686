// A store over a local file or block device: vectored pread and pwrite on the thread that submits,
// buffered by the page cache or past it (O_DIRECT). Neighbours: file_open (descriptors), file_io
// (transfers), file_holes (sparse files), file_sync (what flush promises).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "os/status.h"
#include "store/store.h"

namespace umap {

struct FileStoreOptions {
  // Borrowed until OpenFileStore returns. Open for reading, and for writing when `writable`; its
  // file offset, O_APPEND and O_DIRECT flags neither matter nor change.
  int fd = -1;
  // Past the page cache. What is not aligned to the file's blocks, which is the tail of the last
  // page, goes through the page cache all the same.
  bool direct = false;
  // The file has at least this many bytes, and the store is never written past it.
  uint64_t byte_length = 0;
  bool writable = false;
  std::string label;
  // 0: the defaults of this store.
  uint64_t call_bytes_max = 0;
  uint32_t concurrency_max = 0;
};

// Returns nullptr and sets `status` when the file cannot be had as asked: EACCES (not open for what
// is asked), EINVAL (neither a file nor a block device, shorter than byte_length, or no O_DIRECT
// there), or what the system call says.
//
// What the calls promise, beyond store.h:
// - kRead and kWrite of a range that the file lost since it was opened fail with ENODATA. A write
//   would succeed, but would turn the lost bytes before it into zeros.
// - kWrite is durable after a kFlush that was submitted later. A failed kFlush is final: file_sync.
// - kDiscard reads as zeros, and frees the space where the file system can punch holes.
std::shared_ptr<Store> OpenFileStore(const FileStoreOptions& options, Status* status);

}  // namespace umap
