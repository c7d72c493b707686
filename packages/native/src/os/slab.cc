// See slab.h. Unused blocks are poisoned for ASan, all but their link, so that it sees a use of
// what was freed; LSan is told where pointers to the heap may lie.
#include "os/slab.h"

#include <sys/mman.h>

#include <algorithm>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(begin, bytes) ((void)(begin), (void)(bytes))
#endif

namespace umap {
namespace {

// What is asked of the kernel at once.
constexpr size_t kPieceBytesMin = 64 << 10;
constexpr size_t kBlocksMin = 8;
constexpr size_t kSystemPageBytes = 4096;

}  // namespace

bool Slab::Grow() {
  const size_t bytes =
      RoundUp(std::max(kPieceBytesMin, kBlocksMin * block_bytes_ + align_), kSystemPageBytes);
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
#if defined(__SANITIZE_ADDRESS__)
  __lsan_register_root_region(memory, bytes);
#endif
  const uintptr_t begin = RoundUp(reinterpret_cast<uintptr_t>(memory), align_);
  fresh_ = reinterpret_cast<uint8_t*>(begin);
  fresh_end_ = static_cast<uint8_t*>(memory) + bytes;
  ASAN_POISON_MEMORY_REGION(memory, bytes);
  return true;
}

void* Slab::Take() {
  MutexLock lock(mutex_);
  void* block = nullptr;
  if (unused_) {
    block = unused_;
    unused_ = unused_->next;
  } else {
    if (static_cast<size_t>(fresh_end_ - fresh_) < block_bytes_ && !Grow()) return nullptr;
    block = fresh_;
    fresh_ += block_bytes_;
  }
  ASAN_UNPOISON_MEMORY_REGION(block, block_bytes_);
  in_use_++;
  return block;
}

void Slab::Put(void* block) {
  auto* const link = static_cast<Link*>(block);
  ASAN_POISON_MEMORY_REGION(static_cast<uint8_t*>(block) + sizeof(Link),
                            block_bytes_ - sizeof(Link));
  MutexLock lock(mutex_);
  CHECK(in_use_ > 0);
  in_use_--;
  link->next = unused_;
  unused_ = link;
}

uint64_t Slab::in_use() {
  MutexLock lock(mutex_);
  return in_use_;
}

}  // namespace umap
