// Opens the file behind a descriptor again, through /proc. A duplicate would share more with the
// caller than is good: the file offset (SEEK_DATA moves it), O_APPEND (pwrite would append), and
// the one report of a write-back error, which an fsync elsewhere would take from us.
#include "store/file_open.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace umap {

namespace {

constexpr uint64_t kBlockBytesMin = 4096;
// Beyond this, st_blksize is the file system's wish (NFS, ZFS), no block of the page cache.
constexpr uint64_t kBlockBytesMax = 65536;

// -1 and errno, also when /proc shows another file than ours.
int OpenThroughProc(int borrowed_fd, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(borrowed_fd);
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC));
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
  file->buffered.Reset(OpenThroughProc(borrowed_fd, access.writable ? O_RDWR : O_RDONLY));
  file->own_offset = file->buffered.valid();
  if (file->own_offset) return Status::Ok();
  // What a duplicate inherits and cannot be had without.
  if ((flags & (O_APPEND | O_DIRECT)) != 0) {
    return SystemError(errno, "open " + access.label + " again without O_APPEND and O_DIRECT");
  }
  file->buffered.Reset(fcntl(borrowed_fd, F_DUPFD_CLOEXEC, 0));
  return file->buffered ? Status::Ok() : SystemError(errno, "duplicate " + access.label);
}

Status Unsupported(const FileAccess& access) {
  return Status::Fail(EINVAL,
                      "direct: true is not supported by the file system of " + access.label);
}

Status OpenDirect(int borrowed_fd, const FileAccess& access, OpenedFile* file) {
  const int flags = (access.writable ? O_RDWR : O_RDONLY) | O_DIRECT;
  file->direct.Reset(OpenThroughProc(borrowed_fd, flags));
  if (!file->direct) {
    return errno == EINVAL ? Unsupported(access)
                           : SystemError(errno, "open " + access.label + " with O_DIRECT");
  }
  const uint64_t file_block = static_cast<uint64_t>(file->stat.st_blksize);
  file->block_bytes = kBlockBytesMin;
  if (std::has_single_bit(file_block) && file_block <= kBlockBytesMax) {
    file->block_bytes = std::max(file_block, kBlockBytesMin);
  }
  file->memory_bytes = kBlockBytesMin;
#ifdef STATX_DIOALIGN
  struct statx about = {};
  if (statx(file->direct.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &about) == 0 &&
      (about.stx_mask & STATX_DIOALIGN) != 0) {
    if (about.stx_dio_offset_align == 0) return Unsupported(access);
    file->block_bytes = std::max<uint64_t>(about.stx_dio_offset_align, file->block_bytes);
    file->memory_bytes = std::max<uint64_t>(about.stx_dio_mem_align, 1);
  }
#endif
  // The buffered descriptor is left with the tail. Read-ahead there would cache blocks that are
  // only ever read directly, in folios that the tail is part of.
  (void)posix_fadvise(file->buffered.get(), 0, 0, POSIX_FADV_RANDOM);
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
  if (S_ISBLK(about.st_mode)) {
    if (ioctl(fd, BLKGETSIZE64, byte_length) == 0) return Status::Ok();
    return SystemError(errno, "size of " + label);
  }
  return Status::Fail(EINVAL, label + " is neither a regular file nor a block device");
}

}  // namespace umap
