// Finds and makes the holes of one file. A file that looks fully allocated is never asked, so that
// reads of it cost no extra system call. Any thread, many at once; no locks.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>

namespace umap {

class FileHoles {
 public:
  // `fd` stays the caller's and moves its file offset: it must be an open file of our own.
  FileHoles(int fd, const struct stat& file, bool seekable);

  // Whether the whole range was never written. false is always right: holes read as zeros.
  // A range beyond the end of the file is no hole, so that the read finds the truncation.
  bool IsHole(uint64_t offset, uint64_t byte_length);

  // Punches a hole. 0, or the errno: EOPNOTSUPP when the file system cannot; the caller writes
  // zeros then.
  int Punch(uint64_t offset, uint64_t byte_length);

 private:
  const int fd_;
  const bool seekable_;
  std::atomic<bool> sparse_;
  std::atomic<bool> punches_ = true;
};

}  // namespace umap
