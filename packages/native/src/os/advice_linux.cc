// See advice.h. madvise(2).
#include <sys/mman.h>

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

int GiveBack(uint8_t* begin, size_t bytes, bool shared) {
  // For a file, DONTNEED would only unmap it.
  return madvise(begin, bytes, shared ? MADV_REMOVE : MADV_DONTNEED);
}

}  // namespace umap
