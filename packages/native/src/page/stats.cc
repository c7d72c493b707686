// See stats.h.
#include "page/stats.h"

#include <algorithm>

#include "os/cpu.h"

namespace umap {
RegionCounters::~RegionCounters() {
  for (auto& shard : shards_) delete shard.load();
}

StatShard& RegionCounters::Shard() {
  std::atomic<StatShard*>& place = shards_[CurrentCpu() % kShards];
  StatShard* shard = place.load(std::memory_order_acquire);
  if (shard) return *shard;
  auto* fresh = new StatShard();
  if (place.compare_exchange_strong(shard, fresh)) return *fresh;
  delete fresh;
  return *shard;
}

uint64_t RegionCounters::Sum(Counter counter) const {
  uint64_t sum = 0;
  for (const auto& place : shards_) {
    const StatShard* shard = place.load(std::memory_order_acquire);
    if (shard) sum += shard->counters[static_cast<size_t>(counter)].load();
  }
  return sum;
}

LatencyFigures RegionCounters::Figures(LatencyHistogram StatShard::* histogram) const {
  std::array<uint64_t, LatencyHistogram::kBuckets> buckets{};
  int64_t max_ns = 0;
  for (const auto& place : shards_) {
    const StatShard* shard = place.load(std::memory_order_acquire);
    if (shard) (shard->*histogram).AddTo(&buckets, &max_ns);
  }
  return LatencyHistogram::FiguresOf(buckets, max_ns);
}

LatencyFigures LatencyHistogram::Figures() const {
  std::array<uint64_t, kBuckets> buckets{};
  int64_t max_ns = 0;
  AddTo(&buckets, &max_ns);
  return FiguresOf(buckets, max_ns);
}

LatencyFigures LatencyHistogram::FiguresOf(const std::array<uint64_t, kBuckets>& sum,
                                           int64_t max_ns) {
  LatencyFigures figures;
  for (const uint64_t bucket : sum) figures.count += bucket;
  if (figures.count == 0) return figures;
  const auto percentile = [&](double share) {
    const auto rank = static_cast<uint64_t>(share * static_cast<double>(figures.count - 1));
    uint64_t seen = 0;
    for (uint32_t i = 0; i < kBuckets; i++) {
      seen += sum[i];
      if (seen > rank) return std::min(NsOf(i), static_cast<double>(max_ns)) / 1e3;
    }
    return static_cast<double>(max_ns) / 1e3;
  };
  figures.p50_us = percentile(0.5);
  figures.p99_us = percentile(0.99);
  figures.max_us = static_cast<double>(max_ns) / 1e3;
  return figures;
}

}  // namespace umap
