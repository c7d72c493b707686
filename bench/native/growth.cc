// What the engine's operations cost as things grow: the region, the number of regions, the dirty
// pages. Links the engine itself, for no rival has these operations. The files are sparse, so that
// a fill reads nothing.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine_calls.h"
#include "fail.h"
#include "os/clock.h"
#include "os/unique_fd.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

double MicrosecondsSince(int64_t started_ns) {
  return static_cast<double>(NowNs() - started_ns) / 1e3;
}

double MedianUs(std::vector<double>& all) {
  std::nth_element(all.begin(), all.begin() + static_cast<ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

void TouchHole(const uint8_t* data, uint64_t offset) {
  if (*static_cast<const volatile uint8_t*>(data + offset) != 0) {
    Fail("a hole is not zero at offset %lu", offset);
  }
}

// The anonymous memory of this process without the kernel's page tables.
uint64_t AnonymousBytes() {
  std::FILE* const file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) Fail("/proc/self/status: %s", std::strerror(errno));
  char line[256];
  uint64_t kibibytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "RssAnon: %lu kB", &kibibytes) == 1) break;
  }
  std::fclose(file);
  return kibibytes << 10;
}

RegionOptions RegionOf(const Options& options) {
  RegionOptions region;
  region.store = OpenStore(options);
  BufferOptions buffer;
  buffer.budget_bytes = options.buffer_bytes;
  region.buffer = CreateBuffer(buffer);
  region.writable = options.writable;
  region.page_bytes = options.page_bytes;
  region.byte_length = options.file_bytes;
  return region;
}

}  // namespace

void RunGrowthOfRegion(const Options& options) {
  // The engine's threads are started by this one, so that `open` is of a region, nothing else.
  Options small = options;
  small.file_bytes = 1 << 20;
  const std::shared_ptr<Region> first = OpenOrFail(RegionOf(small));
  int64_t started_ns = NowNs();
  const std::shared_ptr<Region> region = OpenOrFail(RegionOf(options));
  const double open_us = MicrosecondsSince(started_ns);
  uint8_t* const data = DataOf(*region);
  Random random(options.seed);
  std::vector<double> fault_us;
  const uint64_t pages = options.span_bytes / options.page_bytes;
  for (uint64_t i = 0; i < options.touches; i++) {
    const uint64_t offset = random.Below(pages) * options.page_bytes;
    started_ns = NowNs();
    TouchHole(data, offset);
    fault_us.push_back(MicrosecondsSince(started_ns));
  }
  constexpr uint64_t kDirtyPages = 64;
  for (uint64_t i = 0; i < kDirtyPages; i++) data[random.Below(pages) * options.page_bytes] = 1;
  started_ns = NowNs();
  Await("flush", [&](Callback done) {
    Flush(region, {0, options.file_bytes}, std::move(done));
  });
  const double flush_us = MicrosecondsSince(started_ns);
  started_ns = NowNs();
  Await("close", [&](Callback done) { Close(region, std::move(done)); });
  const double close_us = MicrosecondsSince(started_ns);
  Await("close", [&](Callback done) { Close(first, std::move(done)); });
  std::printf("{\"openUs\":%.1f,\"faultUs\":%.3f,\"flushUs\":%.1f,\"closeUs\":%.1f}\n", open_us,
              MedianUs(fault_us), flush_us, close_us);
}

void RunGrowthOfRegions(const Options& options) {
  RegionOptions common = RegionOf(options);
  common.byte_length = options.span_bytes;
  std::vector<std::shared_ptr<Region>> regions;
  std::vector<double> open_us, fault_us, close_us;
  for (uint64_t i = 0; i < options.regions; i++) {
    common.store_offset = i * common.byte_length;
    const int64_t started_ns = NowNs();
    regions.push_back(OpenOrFail(common));
    open_us.push_back(MicrosecondsSince(started_ns));
  }
  // The first touch of a region makes page tables of the kernel: that is no cost of the number.
  for (const std::shared_ptr<Region>& region : regions) TouchHole(DataOf(*region), 0);
  Random random(options.seed);
  const uint64_t pages = common.byte_length / common.page_bytes;
  for (uint64_t i = 0; i < options.touches; i++) {
    const uint8_t* const data = DataOf(*regions[random.Below(regions.size())]);
    const uint64_t offset = random.Below(pages) * common.page_bytes;
    const int64_t started_ns = NowNs();
    TouchHole(data, offset);
    const double us = MicrosecondsSince(started_ns);
    fault_us.push_back(us);
  }
  for (const std::shared_ptr<Region>& region : regions) {
    const int64_t started_ns = NowNs();
    Await("close", [&](Callback done) { Close(region, std::move(done)); });
    close_us.push_back(MicrosecondsSince(started_ns));
  }
  // The first starts the engine's threads and the last stops them: medians leave that out.
  std::printf("{\"openUs\":%.2f,\"faultUs\":%.3f,\"closeUs\":%.2f}\n", MedianUs(open_us),
              MedianUs(fault_us), MedianUs(close_us));
}

void RunGrowthOfDirtyPages(const Options& options) {
  const std::shared_ptr<Region> region = OpenOrFail(RegionOf(options));
  uint8_t* const data = DataOf(*region);
  std::vector<double> fault_us;
  for (uint64_t page = 0; page < options.touches; page++) {
    const int64_t started_ns = NowNs();
    data[page * options.page_bytes] = 1;
    fault_us.push_back(MicrosecondsSince(started_ns));
  }
  int64_t started_ns = NowNs();
  Await("flush", [&](Callback done) {
    Flush(region, {0, options.file_bytes}, std::move(done));
  });
  const double flush_us = MicrosecondsSince(started_ns);
  for (uint64_t page = 0; page < options.touches; page++) data[page * options.page_bytes] = 2;
  started_ns = NowNs();
  Await("close", [&](Callback done) { Close(region, std::move(done)); });
  const double close_us = MicrosecondsSince(started_ns);
  const auto pages = static_cast<double>(options.touches);
  std::printf("{\"faultUs\":%.3f,\"flushUsPerPage\":%.3f,\"closeUsPerPage\":%.3f}\n",
              MedianUs(fault_us), flush_us / pages, close_us / pages);
}

void RunGrowthOfMemory(const Options& options) {
  const RegionOptions with = RegionOf(options);
  const std::shared_ptr<Region> region = OpenOrFail(with);
  const uint8_t* const data = DataOf(*region);
  const auto own_bytes = [&] {
    return static_cast<double>(AnonymousBytes()) -
           static_cast<double>(StatsOf(*with.buffer).resident_bytes);
  };
  const uint64_t pages = options.file_bytes / options.page_bytes;
  // A full buffer first, whose own books do not grow any more.
  const uint64_t before = std::min(pages, 2 * options.buffer_bytes / options.page_bytes);
  for (uint64_t page = 0; page < before; page++) TouchHole(data, page * options.page_bytes);
  const double before_bytes = own_bytes();
  for (uint64_t page = before; page < pages; page++) TouchHole(data, page * options.page_bytes);
  const double bytes = own_bytes() - before_bytes;
  Await("close", [&](Callback done) { Close(region, std::move(done)); });
  std::printf("{\"bytesPerPage\":%.3f}\n", bytes / static_cast<double>(pages - before));
}

}  // namespace umap::bench
