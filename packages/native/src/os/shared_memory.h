// Memory that has a descriptor, so that it can be mapped more than once, and what the kernel allows
// of mappings. The .cc is the platform's.
#pragma once

#include <cstdint>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

// Nothing is committed until it is touched. `name` is for people who look into /proc.
Status CreateSharedMemory(const char* name, uint64_t bytes, UniqueFd* memory);
// The same, sealed at its length, so that no process that maps it can make another one's mapping
// raise SIGBUS. ENOSYS: there are no seals here.
Status CreateSealedMemory(const char* name, uint64_t bytes, UniqueFd* memory);

// How many mappings this process can make beside those it has.
uint64_t MappingsLeft();

}  // namespace umap
