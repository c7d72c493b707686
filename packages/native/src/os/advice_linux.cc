// See advice.h. madvise(2), process_madvise(2).
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/advice.h"

namespace umap {

int KeepFromChildren(uint8_t* begin, size_t bytes) {
  return madvise(begin, bytes, MADV_DONTFORK);
}

int KeepPrivate(uint8_t* begin, size_t bytes, bool huge) {
  // The first two are wishes: a kernel without huge pages refuses to be told about them.
  madvise(begin, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  madvise(begin, bytes, MADV_DONTDUMP);
  return madvise(begin, bytes, MADV_DONTFORK);
}

namespace {

// pidfd.h of Linux 6.14: this process, without a descriptor.
constexpr int kThisProcess = -10001;

// Fails before Linux 6.14, and where a sandbox does not know the call.
ssize_t AdviseEach(const iovec* ranges, size_t count) {
#ifdef SYS_process_madvise
  return syscall(SYS_process_madvise, kThisProcess, ranges, count, MADV_DONTNEED, 0);
#else
  return (void)ranges, (void)count, -1;
#endif
}

}  // namespace

int GiveBack(uint8_t* begin, size_t bytes, bool shared) {
  // For a file, DONTNEED would only unmap it.
  return madvise(begin, bytes, shared ? MADV_REMOVE : MADV_DONTNEED);
}

int GiveBackEach(const iovec* ranges, size_t count) {
  const ssize_t advised = count > 1 ? AdviseEach(ranges, count) : -1;
  size_t done = advised > 0 ? static_cast<size_t>(advised) : 0;
  for (size_t i = 0; i < count; i++) {
    if (done >= ranges[i].iov_len) {
      done -= ranges[i].iov_len;
      continue;
    }
    // It may have ended in the middle of a range, whose pages may be given back twice.
    done = 0;
    auto* const begin = static_cast<uint8_t*>(ranges[i].iov_base);
    if (GiveBack(begin, ranges[i].iov_len, false) != 0) return -1;
  }
  return 0;
}

}  // namespace umap
