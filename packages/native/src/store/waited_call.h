// One call on a store that the caller waits for.
#pragma once

#include <cstdint>

#include "store/store.h"

namespace umap {

// `memory` is the source of a write, the target of a read, and null for other operations. Blocks;
// not for threads that answer faults.
Status RunStoreCall(Store& store, StoreOp op, uint64_t offset, uint64_t byte_length, void* memory);

}  // namespace umap
