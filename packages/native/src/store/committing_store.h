// A store that accepts a write only when it is durable in the store behind it: each write and
// discard ends after a flush that began when it was done. For stores that lose accepted, unflushed
// writes with the process that runs them, where clients outlive that process: a page is called
// clean, and may be dropped, when its write has ended. Never for a thread that faults.
//
// Group commit: one flush at a time, for all changes that had ended when it began; those that end
// meanwhile share the next one. A flush that fails refuses every change of its group.
#pragma once

#include <memory>

#include "store/store.h"

namespace umap {

// Reads, flushes, and what tells of the store are those of `inner`. Each write of a lone writer
// costs a flush; many at a time share theirs. A set of changes is no longer all or nothing, as a
// store with atomic flushes makes it: each group is.
std::shared_ptr<Store> MakeCommittingStore(std::shared_ptr<Store> inner);

}  // namespace umap
