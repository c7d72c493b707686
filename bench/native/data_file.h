// Makes the data file, and puts it into or out of the page cache before a measured program starts.
// These are programs of their own, which run outside of the memory cgroup: what they leave in the
// page cache is charged to nobody who is measured.
#pragma once

#include "options.h"

namespace umap::bench {

// `write-data`: writes and syncs the pattern.
void WriteData(const Options& options);
// `drop-cache`: no page of the file is cached afterwards.
void DropCache(const Options& options);
// `warm-cache`: every page of the file is cached afterwards.
void WarmCache(const Options& options);
// `checksum`: of the first file_bytes, by reading them with pread.
void PrintChecksum(const Options& options);

}  // namespace umap::bench
