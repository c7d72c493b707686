// See advice.h. macOS: minherit(2), madvise(2). Compiled, but never run.
#include <mach/vm_inherit.h>
#include <sys/mman.h>

#include <cstring>

#include "os/advice.h"

namespace umap {

int KeepFromChildren(uint8_t* begin, size_t bytes) {
  return minherit(begin, bytes, VM_INHERIT_NONE);
}

int KeepPrivate(uint8_t* begin, size_t bytes, bool) { return KeepFromChildren(begin, bytes); }

int GiveBack(uint8_t* begin, size_t bytes, bool shared) {
  if (!shared) {
    void* const fresh = mmap(begin, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return fresh == MAP_FAILED ? -1 : KeepFromChildren(begin, bytes);
  }
  // There is no hole to punch in shared memory. Whether the kernel takes the pages or not, what is
  // found there is zeros.
  std::memset(begin, 0, bytes);
  madvise(begin, bytes, MADV_FREE);
  return 0;
}

int GiveBackEach(const iovec* ranges, size_t count) {
  for (size_t i = 0; i < count; i++) {
    auto* const begin = static_cast<uint8_t*>(ranges[i].iov_base);
    if (GiveBack(begin, ranges[i].iov_len, false) != 0) return -1;
  }
  return 0;
}

}  // namespace umap
