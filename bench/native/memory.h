// What the measured programs touch: the same file behind an address, by our engine, by the kernel,
// or by the least code that could answer a fault. The programs do not know which it is.
#pragma once

#include <cstdint>
#include <memory>

#include "options.h"

namespace umap::bench {

class Memory {
 public:
  virtual ~Memory() = default;
  virtual const uint8_t* data() const = 0;
  // Called before the clock of random touches starts: fills the buffer with the first
  // `byte_length` bytes, and gives the advice that random touches call for.
  virtual void BeginRandom(uint64_t byte_length) = 0;
  // Called after the clock stopped; fails the run where a promise was broken.
  virtual void Check() const {}
};

// `engine`: a region. `mmap`, `mmap-random`, `mmap-sequential`: the kernel, with that advice.
// `floor-block`, `floor-spin`: one handler thread that blocks in read() or polls, pread and
// UFFDIO_COPY; no page table, no buffer, no eviction.
std::unique_ptr<Memory> OpenMemory(const Options& options);

std::unique_ptr<Memory> OpenEngineMemory(const Options& options);
std::unique_ptr<Memory> OpenMmapMemory(const Options& options);
std::unique_ptr<Memory> OpenFloorMemory(const Options& options);

}  // namespace umap::bench
