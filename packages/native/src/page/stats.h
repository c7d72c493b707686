// What a region counts. Each engine thread adds to a shard of its own, so that counting shares no
// cache line on the fault path; a reader sums the shards.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

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

// Latencies in buckets of an eighth of a power of two nanoseconds: within 12.5 % of the truth.
class LatencyHistogram {
 public:
  static constexpr uint32_t kSubBuckets = 8;
  static constexpr uint32_t kBuckets = 44 * kSubBuckets;

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
  // The lower end of a bucket.
  static double NsOf(uint32_t bucket) {
    const uint32_t exponent = bucket / kSubBuckets;
    return static_cast<double>((uint64_t{kSubBuckets} + bucket % kSubBuckets) << exponent) /
           kSubBuckets;
  }

 private:
  static uint32_t BucketOf(int64_t ns) {
    const uint64_t value = ns < 1 ? 1 : static_cast<uint64_t>(ns);
    const uint32_t exponent = 63 - static_cast<uint32_t>(std::countl_zero(value));
    const uint64_t fraction = ((value << 3) >> exponent) & 7;
    const uint32_t bucket = exponent * kSubBuckets + static_cast<uint32_t>(fraction);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }

  std::array<std::atomic<uint32_t>, kBuckets> buckets_{};
  std::atomic<int64_t> max_ns_{0};
};

struct alignas(64) StatShard {
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Counter::kCount)> counters{};
  LatencyHistogram fault_latency;
  LatencyHistogram fill_latency;
};

struct LatencyFigures {
  uint64_t count = 0;
  double p50_us = 0, p99_us = 0, max_us = 0;
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

  // Made when a thread first counts something of this region.
  std::array<std::atomic<StatShard*>, kShards> shards_{};
};

}  // namespace umap
