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
  // A fault that ends in a signal is none that the kernel counts: then every touch of a page that
  // is touched for the first time is one.
  virtual bool faults_are_signals() const { return false; }
  // Called after the clock stopped; fails the run where a promise was broken.
  virtual void Check() const {}
};

// `engine`: a region. `mmap`, `mmap-random`, `mmap-sequential`: the kernel, with that advice.
// `floor-block`, `floor-spin`: one handler thread that blocks in read() or polls, pread and
// UFFDIO_COPY. `floor-in-thread`, `floor-in-thread-move`, `floor-signal`: a signal handler on the
// thread that touches, pread, and UFFDIO_COPY, UFFDIO_MOVE or mprotect; with `-bare` it writes the
// touched word instead of reading the page. No floor has a page table, a buffer, or eviction.
std::unique_ptr<Memory> OpenMemory(const Options& options);

std::unique_ptr<Memory> OpenEngineMemory(const Options& options);
std::unique_ptr<Memory> OpenMmapMemory(const Options& options);
std::unique_ptr<Memory> OpenFloorMemory(const Options& options);
std::unique_ptr<Memory> OpenSignalFloorMemory(const Options& options);

}  // namespace umap::bench
