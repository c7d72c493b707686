// See memory.h.
#include "memory.h"

#include "fail.h"

namespace umap::bench {

std::unique_ptr<Memory> OpenMemory(const Options& options) {
  if (options.memory == "engine") return OpenEngineMemory(options);
  if (options.memory == "anonymous") return OpenAnonymousMemory(options);
  if (options.memory.starts_with("mmap")) return OpenMmapMemory(options);
  if (options.memory.starts_with("floor-in-thread") ||
      options.memory.starts_with("floor-signal")) {
    return OpenSignalFloorMemory(options);
  }
  if (options.memory.starts_with("floor")) return OpenFloorMemory(options);
  Fail("no memory is named %s", options.memory.c_str());
}

}  // namespace umap::bench
