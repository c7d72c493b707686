// What a region counts. Each processor has a shard of its own, so that counting shares no cache
// line on the fault path; a reader sums the shards. Any thread, signal handlers too.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "os/slab.h"

namespace umap {

enum class Counter : uint8_t {
  kFaults,
  kWriteProtectFaults,
  kStandbyHits,
  kFills,
  kFillBytes,
  kEvictions,
  kWriteBacks,
  kWriteBackBytes,
  kReadAheadBytes,
  kReadAheadUsedBytes,
  kStoreErrors,
  kCount,
};

struct LatencyFigures {
  uint64_t count = 0;
  double p50_us = 0, p99_us = 0, max_us = 0;
};

// Latencies in buckets of an eighth of a power of two nanoseconds, from 64 ns to two minutes, whose
// middle is within 6 % of the truth.
class LatencyHistogram {
 public:
  static constexpr uint32_t kSubBuckets = 8;
  static constexpr uint32_t kExponentMin = 6;
  static constexpr uint32_t kExponentMax = 37;
  static constexpr uint32_t kBuckets = (kExponentMax - kExponentMin) * kSubBuckets;

  void Add(int64_t ns) {
    buckets_[BucketOf(ns)].fetch_add(1, std::memory_order_relaxed);
    int64_t max = max_ns_.load(std::memory_order_relaxed);
    while (ns > max && !max_ns_.compare_exchange_weak(max, ns, std::memory_order_relaxed)) {
    }
  }
  void AddTo(std::array<uint64_t, kBuckets>* sum, int64_t* max_ns) const {
    for (uint32_t i = 0; i < kBuckets; i++) {
      (*sum)[i] += buckets_[i].load(std::memory_order_relaxed);
    }
    const int64_t max = max_ns_.load(std::memory_order_relaxed);
    if (max > *max_ns) *max_ns = max;
  }
  LatencyFigures Figures() const;
  // The figures of buckets that were added up.
  static LatencyFigures FiguresOf(const std::array<uint64_t, kBuckets>& sum, int64_t max_ns);

 private:
  // The middle of a bucket.
  static double NsOf(uint32_t bucket) {
    const uint32_t exponent = kExponentMin + bucket / kSubBuckets;
    const double eighths = kSubBuckets + bucket % kSubBuckets + 0.5;
    return eighths * static_cast<double>(uint64_t{1} << exponent) / kSubBuckets;
  }
  static uint32_t BucketOf(int64_t ns) {
    constexpr int64_t kLeast = int64_t{1} << kExponentMin;
    constexpr int64_t kMost = (int64_t{1} << kExponentMax) - 1;
    const auto value = static_cast<uint64_t>(std::clamp(ns, kLeast, kMost));
    const uint32_t exponent = static_cast<uint32_t>(std::bit_width(value)) - 1;
    const uint64_t fraction = value * kSubBuckets >> exponent;
    return (exponent - kExponentMin) * kSubBuckets + static_cast<uint32_t>(fraction) % kSubBuckets;
  }

  std::array<std::atomic<uint32_t>, kBuckets> buckets_{};
  std::atomic<int64_t> max_ns_{0};
};

struct alignas(64) StatShard : SlabAllocated<StatShard> {
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> counters{};
  LatencyHistogram fault_latency;
  LatencyHistogram fill_latency;
};

class RegionCounters {
 public:
  RegionCounters() = default;
  ~RegionCounters();
  RegionCounters(const RegionCounters&) = delete;
  RegionCounters& operator=(const RegionCounters&) = delete;

  void Add(Counter counter, uint64_t value = 1) {
    Shard().counters[static_cast<size_t>(counter)].fetch_add(value, std::memory_order_relaxed);
  }
  void AddFaultLatency(int64_t ns) { Shard().fault_latency.Add(ns); }
  void AddFillLatency(int64_t ns) { Shard().fill_latency.Add(ns); }

  uint64_t Sum(Counter counter) const;
  LatencyFigures FaultLatency() const { return Figures(&StatShard::fault_latency); }
  LatencyFigures FillLatency() const { return Figures(&StatShard::fill_latency); }

 private:
  static constexpr uint32_t kShards = 16;

  StatShard& Shard();
  LatencyFigures Figures(LatencyHistogram StatShard::* histogram) const;

  // Made when something of this region is first counted on a processor.
  std::array<std::atomic<StatShard*>, kShards> shards_{};
};

}  // namespace umap
