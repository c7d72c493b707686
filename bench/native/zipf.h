// Zipf-distributed page numbers: rank k is drawn with a weight of 1 / k^0.99, as in YCSB (Cooper et
// al., 2010), and the ranks lie scattered over the file. Drawn before the clock starts.
#pragma once

#include <cstdint>
#include <vector>

namespace umap::bench {

// Draws page numbers below `page_count`. The places of the ranks depend on `page_count` alone, so
// that threads with different seeds share their hot pages.
std::vector<uint32_t> DrawZipfPages(uint64_t page_count, uint64_t count, uint64_t seed);

}  // namespace umap::bench
