// Turns a borrowed descriptor into descriptors of our own, and learns what the file is like. Runs
// once a store, on the thread that opens it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

struct FileAccess {
  std::string label;
  bool writable = false;
  bool direct = false;
};

struct OpenedFile {
  UniqueFd buffered;
  // An open file of our own, whose offset nobody else sees. false: where /proc or the file's mode
  // did not let us open it again, a duplicate of the caller's.
  bool own_offset = false;
  struct stat stat = {};

  // O_DIRECT only.
  UniqueFd direct;
  // Offsets and lengths are multiples of block_bytes, addresses of memory_bytes. A block is never
  // smaller than what the page cache keeps and writes as one: what is buffered because it is
  // unaligned then shares nothing with what is direct, and neither can undo the other.
  uint64_t block_bytes = 1;
  uint64_t memory_bytes = 1;
};

Status OpenAnew(int borrowed_fd, const FileAccess& access, OpenedFile* file);

// Size of a regular file or block device. Status says EINVAL for anything else.
Status FileBytes(int fd, const std::string& label, uint64_t* byte_length);

}  // namespace umap
