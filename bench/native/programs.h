// The measured programs. Each prints one line of JSON, and fails where a touch shows a wrong value.
#pragma once

#include "options.h"

namespace umap::bench {

// `fault`: `touches` pages, one in each 64 KiB of the file at most, in random order, each for the
// first time, by one thread. Prints the latency of the touches that faulted: p50Us, meanUs, p99Us.
void RunFault(const Options& options);

// `random`: threads that touch random words of the file for `milliseconds`, once the buffer is
// full. Prints touchesPerSecond.
void RunRandom(const Options& options);

// `scan`: reads all of the file in order and sums it. Prints megabytesPerSecond.
void RunScan(const Options& options);

}  // namespace umap::bench
