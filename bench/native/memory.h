// What the measured programs touch: the same file behind an address, by our engine, by the kernel,
// or by the least code that could answer a fault. The programs do not know which it is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "options.h"

namespace umap::bench {

class Memory {
 public:
  virtual ~Memory() = default;
  // Written to only where the program was started with --writable.
  virtual uint8_t* data() const = 0;
  // Called before the clock of random touches starts: fills the buffer with the first
  // `byte_length` bytes, and gives the advice that random touches call for.
  virtual void BeginRandom(uint64_t byte_length) = 0;
  // Says that the 4 KiB pages at these offsets are touched soon. Does not wait.
  virtual void Announce(const std::vector<uint64_t>&) {}
  // Waits for what was announced.
  virtual void Settle() {}
  // Everything written before is durable in the file.
  virtual void Flush() {}
  // Pages read so far because somebody wanted them; 0 where that is not known.
  virtual uint64_t fills() const { return 0; }
  // A fault that ends in a signal is none that the kernel counts: then every touch of a page that
  // is touched for the first time is one.
  virtual bool faults_are_signals() const { return false; }
  // Called after the clock stopped; fails the run where a promise was broken.
  virtual void Check() const {}
};

// `engine`: a region. `mmap`, `mmap-random`, `mmap-sequential`: the kernel, with that advice;
// `mmap-willneed` is random and passes announcements on. `anonymous`: all of the file, read at the
// start into ordinary memory, and written back by Flush.
// `floor-block`, `floor-spin`: one handler thread that blocks in read() or polls, pread and
// UFFDIO_COPY. `floor-in-thread`, `floor-in-thread-move`, `floor-signal`: a signal handler on the
// thread that touches, pread, and UFFDIO_COPY, UFFDIO_MOVE or mprotect; with `-bare` it writes the
// touched word instead of reading the page. No floor has a page table, a buffer, or eviction.
std::unique_ptr<Memory> OpenMemory(const Options& options);

std::unique_ptr<Memory> OpenEngineMemory(const Options& options);
std::unique_ptr<Memory> OpenMmapMemory(const Options& options);
std::unique_ptr<Memory> OpenAnonymousMemory(const Options& options);
std::unique_ptr<Memory> OpenFloorMemory(const Options& options);
std::unique_ptr<Memory> OpenSignalFloorMemory(const Options& options);

}  // namespace umap::bench
