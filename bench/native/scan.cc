// A sequential read of the whole file, as a sum over all of its words. The sum is checked, and the
// first word of each 4 KiB, which tells apart pages that the sum would not.
#include <algorithm>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "pattern.h"
#include "programs.h"

namespace umap::bench {

void RunScan(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  const uint8_t* const data = memory->data();
  Checksum checksum;
  const int64_t started_ns = NowNs();
  for (uint64_t block = 0; block < options.file_bytes; block += kBlockBytes) {
    uint64_t sum = 0;
    const uint64_t end = std::min(block + kBlockBytes, options.file_bytes);
    for (uint64_t page = block; page < end; page += 4096) {
      const auto* const words = reinterpret_cast<const uint64_t*>(data + page);
      sum += SumWords(words, std::min<uint64_t>(4096, end - page));
      if (words[0] != WordAt(page / kWordBytes)) Fail("wrong bytes at offset %lu", page);
    }
    checksum.AddBlock(sum);
  }
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  if (checksum.value() != options.checksum) Fail("the scan's checksum is wrong");
  memory->Check();
  std::printf("{\"megabytesPerSecond\":%.1f}\n",
              static_cast<double>(options.file_bytes) / 1e6 / seconds);
}

}  // namespace umap::bench
