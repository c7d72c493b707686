// A client's mapping of a data set's memory. Writable ones share the pages with the server and all
// clients; what is written to another is a private copy of the page, so that it reaches nobody. No
// child process inherits it. Owned by one region.
#pragma once

#include <cstdint>

#include "client/own_faults.h"
#include "os/mapping.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

class ClientMemory {
 public:
  // `bytes` of the file from its beginning, aligned to `align`, a power of two. Takes the
  // descriptor where `keeps_file`, for Replace and Restore. EINVAL: the file is shorter.
  Status Map(UniqueFd file, uint64_t bytes, uint64_t align, bool writable, bool keeps_file);
  void Reset() { mapping_.Reset(); }

  uint8_t* data() const { return mapping_.data(); }
  uint64_t bytes() const { return mapping_.bytes(); }
  uint64_t address() const { return reinterpret_cast<uint64_t>(data()); }
  bool Contains(uint64_t address) const { return mapping_.Contains(address); }

  // Without poison in the kernel: puts a mapping into the place of a part whose touches raise the
  // same errors, and the file's own back, registered. Multiples of the system page.
  void Replace(uint64_t offset, uint64_t bytes) const;
  Status Restore(const OwnFaults& faults, uint64_t offset, uint64_t bytes) const;

 private:
  int Flags() const;

  Mapping mapping_;
  bool writable_ = false;
  UniqueFd file_;
  UniqueFd empty_file_;
};

}  // namespace umap
