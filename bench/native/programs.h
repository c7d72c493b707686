// The measured programs. Each prints one line of JSON, and fails where a touch shows a wrong value.
#pragma once

#include "options.h"

namespace umap::bench {

// `fault`: `touches` pages, one in each 64 KiB of the file at most, in random order, each for the
// first time, by one thread. Prints the latency of the touches that faulted: meanUs, and
// percentiles from p10Us to p999Us.
void RunFault(const Options& options);

// `random`: threads that touch random words of the file for `milliseconds`, once the buffer is
// full; see random.cc for --writable and --announce. Prints touchesPerSecond.
void RunRandom(const Options& options);

// `scan`: reads all of the file in order and sums it. Prints megabytesPerSecond.
void RunScan(const Options& options);

// `scan-write`: writes all of the file in order, through memory or (`--memory write`) by system
// calls. Prints megabytesPerSecond, until durable.
void RunScanWrite(const Options& options);

// `copy`: memcpy of file_bytes. Prints megabytesPerSecond.
void RunCopy(const Options& options);

// `sort`: sorts the words of the file. Prints seconds, from a file to a durable file, and
// sortSeconds, of the sort alone. `write-random-words` makes the input.
void RunSort(const Options& options);
void WriteRandomWords(const Options& options);

// `bfs`: a breadth-first search. Prints seconds. `write-graph` makes the file, and prints
// fileBytes.
void RunBfs(const Options& options);
void WriteGraph(const Options& options);

// `zipf`: `touches` touches by one thread, `warm_up_touches` of them before the clock starts.
// Prints touchesPerSecond and hitPercent. `write-zipf-trace` writes the pages as 32-bit numbers.
void RunZipf(const Options& options);
void WriteZipfTrace(const Options& options);

// `mixed`: threads that touch as in `zipf`, beside one that scans, for twice `milliseconds`, of
// which the second half counts. Prints touchesPerSecond and scannedMegabytesPerSecond.
void RunMixed(const Options& options);

// `growth-region`: openUs, faultUs (the median), flushUs with 64 dirty pages, and closeUs of one
// region. `growth-regions`: openUs, faultUs and closeUs, medians, of as many regions as asked.
// `growth-dirty`: faultUs, flushUsPerPage and closeUsPerPage with `touches` dirty pages.
// `growth-memory`: bytesPerPage that stay of a page that was touched once.
void RunGrowthOfRegion(const Options& options);
void RunGrowthOfRegions(const Options& options);
void RunGrowthOfDirtyPages(const Options& options);
void RunGrowthOfMemory(const Options& options);

}  // namespace umap::bench
