// Memory for small objects that are made and freed where malloc may not be called: in a signal
// handler that interrupted anything but the engine itself. One size a slab; what was given out once
// is kept for reuse, and never goes back to the kernel. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "os/check.h"
#include "os/mutex.h"

namespace umap {

class Slab {
 public:
  // Usable before constructors of static objects have run, and after their destructors.
  constexpr Slab(size_t object_bytes, size_t align)
      : align_(align < alignof(Link) ? alignof(Link) : align),
        block_bytes_(RoundUp(object_bytes < sizeof(Link) ? sizeof(Link) : object_bytes, align_)) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Uninitialised memory for one object; null where the kernel has none.
  void* Take() EXCLUDES(mutex_);
  // REQUIRES: `block` came from Take, and nobody uses it any more.
  void Put(void* block) EXCLUDES(mutex_);

  size_t block_bytes() const { return block_bytes_; }
  // Blocks that were taken and not put back.
  uint64_t in_use() EXCLUDES(mutex_);

 private:
  // What a block that nobody uses begins with.
  struct Link {
    Link* next;
  };

  static constexpr size_t RoundUp(size_t bytes, size_t align) {
    return (bytes + align - 1) / align * align;
  }
  bool Grow() REQUIRES(mutex_);

  const size_t align_;
  const size_t block_bytes_;
  Mutex mutex_;
  Link* unused_ GUARDED_BY(mutex_) = nullptr;
  // The part of the newest piece of memory that was never given out.
  uint8_t* fresh_ GUARDED_BY(mutex_) = nullptr;
  uint8_t* fresh_end_ GUARDED_BY(mutex_) = nullptr;
  uint64_t in_use_ GUARDED_BY(mutex_) = 0;
};

// Base of a class whose objects live in a slab of its own: `new` and `delete` as ever, where
// `new (std::nothrow)` is null without memory, and plain `new` ends the process.
template <typename T>
class SlabAllocated {
 public:
  static void* operator new(size_t bytes) {
    void* const block = operator new(bytes, std::nothrow);
    CHECK(block != nullptr);
    return block;
  }
  static void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
    CHECK(bytes == sizeof(T));
    return TheSlab().Take();
  }
  static void operator delete(void* block) noexcept {
    if (block) TheSlab().Put(block);
  }
  static void operator delete(void* block, const std::nothrow_t&) noexcept {
    operator delete(block);
  }

  static uint64_t objects_in_use() { return TheSlab().in_use(); }

 private:
  // Constant initialisation: no guard, which a handler could not wait for.
  static Slab& TheSlab() {
    static constinit Slab slab(sizeof(T), alignof(T));
    return slab;
  }
};

}  // namespace umap
