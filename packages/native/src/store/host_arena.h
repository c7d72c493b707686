// The memory through which bytes go between the engine and a JavaScript store, and who has which
// part of it. Each worker that serves a host gets an arena of its own, so that what a dying worker
// still writes can hit nobody else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "os/mapping.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

// Thread rule: the memory may be touched by whoever was given a part of it; Allocate and Free are
// called under the store host's mutex.
class HostArena {
 public:
  // Memory of this process alone, or a memfd that another process can map too.
  enum class Kind : uint8_t { kPrivate, kShared };

  static Status Create(Kind kind, uint64_t bytes, std::shared_ptr<HostArena>* arena);
  // The other process's view of a shared arena. It allocates nothing there.
  static Status Map(UniqueFd memory, std::shared_ptr<HostArena>* arena);

  uint8_t* data() const { return mapping_.data(); }
  uint64_t bytes() const { return mapping_.bytes(); }
  // The memfd of a shared arena; -1 for a private one.
  int fd() const { return fd_.get(); }

  // First fit, so that low addresses, whose pages are there already, are used again.
  std::optional<uint64_t> Allocate(uint64_t bytes);
  void Free(uint64_t offset, uint64_t bytes);

 private:
  Mapping mapping_;
  UniqueFd fd_;
  // Free parts, offset to length. Invariant: no two of them touch.
  std::map<uint64_t, uint64_t> free_;
};

}  // namespace umap
