// Opens the file behind a descriptor again, by its path: see file_open_linux.cc for why. Past the
// page cache is F_NOCACHE here, which wants nothing aligned, but the same split as O_DIRECT serves
// it. Compiled, but never run.
#include "store/file_open.h"

#include <fcntl.h>
#include <sys/param.h>

#include <cerrno>

namespace umap {

namespace {

constexpr uint64_t kBlockBytes = 4096;

// -1 and errno, also when the path leads to another file by now.
int OpenByPath(int borrowed_fd, int flags) {
  char path[MAXPATHLEN];
  if (fcntl(borrowed_fd, F_GETPATH, path) != 0) return -1;
  UniqueFd fd(open(path, flags | O_CLOEXEC));
  struct stat ours, theirs;
  if (!fd || fstat(fd.get(), &ours) != 0 || fstat(borrowed_fd, &theirs) != 0) return -1;
  if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) return fd.Release();
  errno = ENOENT;
  return -1;
}

Status OpenBuffered(int borrowed_fd, int flags, const FileAccess& access, OpenedFile* file) {
  const int mode = flags & O_ACCMODE;
  if (mode == O_WRONLY || (access.writable && mode != O_RDWR)) {
    return Status::Fail(EACCES, access.label + " is not open for " +
                                    (mode == O_WRONLY ? "reading" : "writing"));
  }
  file->buffered.Reset(OpenByPath(borrowed_fd, access.writable ? O_RDWR : O_RDONLY));
  file->own_offset = file->buffered.valid();
  if (file->own_offset) return Status::Ok();
  // What a duplicate inherits and cannot be had without.
  if ((flags & O_APPEND) != 0) {
    return SystemError(errno, "open " + access.label + " again without O_APPEND");
  }
  file->buffered.Reset(fcntl(borrowed_fd, F_DUPFD_CLOEXEC, 0));
  return file->buffered ? Status::Ok() : SystemError(errno, "duplicate " + access.label);
}

Status OpenDirect(int borrowed_fd, const FileAccess& access, OpenedFile* file) {
  file->direct.Reset(OpenByPath(borrowed_fd, access.writable ? O_RDWR : O_RDONLY));
  if (!file->direct || fcntl(file->direct.get(), F_NOCACHE, 1) != 0) {
    return SystemError(errno, "open " + access.label + " with F_NOCACHE");
  }
  file->block_bytes = kBlockBytes;
  file->memory_bytes = kBlockBytes;
  return Status::Ok();
}

}  // namespace

Status OpenAnew(int borrowed_fd, const FileAccess& access, OpenedFile* file) {
  const int flags = fcntl(borrowed_fd, F_GETFL);
  if (flags < 0) return SystemError(errno, "descriptor of " + access.label);
  // Before it is opened, since opening a pipe or a terminal has effects.
  uint64_t byte_length = 0;
  Status status = FileBytes(borrowed_fd, access.label, &byte_length);
  if (!status.ok()) return status;

  status = OpenBuffered(borrowed_fd, flags, access, file);
  if (!status.ok()) return status;
  if (fstat(file->buffered.get(), &file->stat) != 0) {
    return SystemError(errno, "stat " + access.label);
  }
  return access.direct ? OpenDirect(borrowed_fd, access, file) : Status::Ok();
}

Status FileBytes(int fd, const std::string& label, uint64_t* byte_length) {
  struct stat about;
  if (fstat(fd, &about) != 0) return SystemError(errno, "stat " + label);
  if (S_ISREG(about.st_mode)) {
    *byte_length = static_cast<uint64_t>(about.st_size);
    return Status::Ok();
  }
  // Block devices here have no size that fstat tells.
  return Status::Fail(EINVAL, label + " is no regular file");
}

}  // namespace umap
