// What one fault costs the thread that runs into it. One page in each 64 KiB, in random order, so
// that there is nothing to read ahead. Only touches that did fault count, because the kernel may
// map neighbours of a cached page in the same fault, up to 2 MiB of them.
#include <sys/resource.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

constexpr uint64_t kSpacingBytes = 64 << 10;

std::vector<uint64_t> ChooseOffsets(const Options& options) {
  Random random(options.seed);
  const uint64_t spacing = std::max(kSpacingBytes, options.page_bytes);
  std::vector<uint64_t> offsets(options.file_bytes / spacing);
  for (uint64_t i = 0; i < offsets.size(); i++) {
    offsets[i] = i * spacing + random.Below(spacing / kWordBytes) * kWordBytes;
  }
  for (uint64_t i = offsets.size(); i > 1; i--) std::swap(offsets[i - 1], offsets[random.Below(i)]);
  if (offsets.size() > options.touches) offsets.resize(options.touches);
  return offsets;
}

// Faults of this thread until now, answered by whoever.
int64_t FaultCount() {
  rusage usage;
  Must(getrusage(RUSAGE_THREAD, &usage), "getrusage");
  return usage.ru_minflt + usage.ru_majflt;
}

// Touches each offset once; the latencies of those touches that faulted.
std::vector<int64_t> TouchAll(const Memory& memory, const std::vector<uint64_t>& offsets) {
  const uint8_t* const data = memory.data();
  const bool all_fault = memory.faults_are_signals();
  std::vector<int64_t> latencies_ns;
  // Touched here, so that storing a latency never faults.
  latencies_ns.resize(offsets.size());
  latencies_ns.clear();
  int64_t faults = FaultCount();
  for (const uint64_t offset : offsets) {
    const int64_t started_ns = NowNs();
    const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(data + offset);
    const int64_t latency_ns = NowNs() - started_ns;
    if (word != WordAt(offset / kWordBytes)) Fail("wrong bytes at offset %lu", offset);
    const int64_t faults_before = std::exchange(faults, FaultCount());
    if (all_fault || faults > faults_before) latencies_ns.push_back(latency_ns);
  }
  if (latencies_ns.empty()) Fail("no touch faulted");
  return latencies_ns;
}

}  // namespace

void RunFault(const Options& options) {
  const std::vector<uint64_t> offsets = ChooseOffsets(options);
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  memory->BeginRandom(0);
  std::vector<int64_t> latencies_ns = TouchAll(*memory, offsets);
  memory->Check();
  const double sum_ns = std::accumulate(latencies_ns.begin(), latencies_ns.end(), 0.0);
  std::sort(latencies_ns.begin(), latencies_ns.end());
  const auto percentile = [&](double share) {
    return static_cast<double>(latencies_ns[static_cast<size_t>(
               share * static_cast<double>(latencies_ns.size() - 1))]) / 1e3;
  };
  std::printf("{\"meanUs\":%.3f,\"faults\":%zu",
              sum_ns / static_cast<double>(latencies_ns.size()) / 1e3, latencies_ns.size());
  constexpr std::pair<const char*, double> kShares[] = {
      {"p10", 0.1}, {"p25", 0.25}, {"p50", 0.5},  {"p75", 0.75},
      {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
  for (const auto& [name, share] : kShares) std::printf(",\"%sUs\":%.3f", name, percentile(share));
  std::printf("}\n");
}

}  // namespace umap::bench
