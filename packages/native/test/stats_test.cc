// What a region counts, from many threads, and how near its latencies come to the truth.
#include "page/stats.h"

#include <cmath>
#include <thread>
#include <vector>

#include "test/expect.h"

namespace umap::test {
namespace {

TEST(counts_of_all_threads_add_up) {
  RegionCounters counters;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; i++) {
        counters.Add(Counter::kFills);
        counters.Add(Counter::kFillBytes, 4096);
        counters.AddFillLatency(1000);
        if (i % 100 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters.Sum(Counter::kFills), 80'000u);
  EXPECT_EQ(counters.Sum(Counter::kFillBytes), 80'000u * 4096);
  EXPECT_EQ(counters.Sum(Counter::kFaults), 0u);
  EXPECT_EQ(counters.FillLatency().count, 80'000u);
  EXPECT_EQ(counters.FaultLatency().count, 0u);
}

TEST(shards_are_given_back) {
  const uint64_t before = StatShard::objects_in_use();
  {
    RegionCounters counters;
    EXPECT_EQ(StatShard::objects_in_use(), before);
    counters.Add(Counter::kFaults);
    EXPECT_EQ(StatShard::objects_in_use(), before + 1);
  }
  EXPECT_EQ(StatShard::objects_in_use(), before);
}

TEST(latencies_are_within_a_few_percent) {
  for (double ns = 64; ns < 1.3e11; ns *= 1.013) {
    RegionCounters counters;
    const auto exact = static_cast<int64_t>(ns);
    // The largest is kept exactly; it must not hide what the buckets say.
    counters.AddFaultLatency(exact);
    counters.AddFaultLatency(exact);
    counters.AddFaultLatency(2 * exact);
    const LatencyFigures figures = counters.FaultLatency();
    EXPECT_EQ(figures.count, 3u);
    EXPECT_LT(std::abs(figures.p50_us * 1e3 / static_cast<double>(exact) - 1), 0.0626);
    EXPECT_EQ(figures.max_us, static_cast<double>(2 * exact) / 1e3);
  }
}

TEST(latencies_out_of_range_are_counted_all_the_same) {
  RegionCounters counters;
  counters.AddFaultLatency(-5);
  counters.AddFaultLatency(0);
  counters.AddFaultLatency(1);
  EXPECT_EQ(counters.FaultLatency().max_us, 0.001);
  EXPECT_LE(counters.FaultLatency().p99_us, 0.001);
  counters.AddFaultLatency(INT64_MAX);
  EXPECT_EQ(counters.FaultLatency().count, 4u);
  EXPECT_EQ(counters.FaultLatency().max_us, static_cast<double>(INT64_MAX) / 1e3);
}

}  // namespace
}  // namespace umap::test
