// Calls on files that each system spells its own way. Stateless, any thread, signal handlers too.
// The .cc is the platform's.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>

namespace umap {

// Each returns -1 and errno on failure.

// Frees the space of a range, which reads as zeros then; the file keeps its length.
int PunchHole(int fd, uint64_t offset, uint64_t bytes);
// Makes the data of a file durable, and what is needed to find it: 0.
int SyncData(int fd);
// What is in memory already: its length in bytes. EOPNOTSUPP or ENOSYS: it cannot be told.
ssize_t ReadWithoutWaiting(int fd, const iovec& target, uint64_t offset);

}  // namespace umap
