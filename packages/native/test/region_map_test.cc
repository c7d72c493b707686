// The lock-free lookup of regions, alone and while the map changes under its readers.
#include "page/region_map.h"

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "page/region.h"
#include "test/counters.h"
#include "test/expect.h"

namespace umap::test {
namespace {

constexpr uint64_t kBytes = 0x10000;

Region* FindIn(RegionMap& map, uint64_t address) {
  const RegionMap::Reading reading(map);
  return map.Find(address);
}

TEST(each_address_belongs_to_the_region_that_covers_it) {
  RegionMap map;
  std::vector<std::unique_ptr<Region>> regions;
  std::map<uint64_t, Region*> expected;
  std::mt19937_64 random(Seed());
  EXPECT_EQ(FindIn(map, kBytes), nullptr);
  // Every other place is taken, so that there are gaps; the order is random.
  for (int i = 0; i < 3000; i++) {
    const uint64_t begin = (random() % 100'000 + 1) * 2 * kBytes;
    if (random() % 3 == 0 && !expected.empty()) {
      auto found = expected.lower_bound(begin);
      if (found == expected.end()) found = expected.begin();
      map.Remove(found->second);
      expected.erase(found);
    } else if (!expected.contains(begin)) {
      regions.push_back(std::make_unique<Region>());
      expected[begin] = regions.back().get();
      map.Insert(regions.back().get(), begin, kBytes);
    }
  }
  EXPECT_EQ(map.count(), expected.size());
  for (const auto& [begin, region] : expected) {
    EXPECT_EQ(FindIn(map, begin), region);
    EXPECT_EQ(FindIn(map, begin + kBytes - 1), region);
    EXPECT_EQ(FindIn(map, begin + kBytes), nullptr);
    EXPECT_EQ(FindIn(map, begin - 1), nullptr);
  }
}

TEST(readers_find_what_stays_while_others_come_and_go) {
  RegionMap map;
  std::vector<std::unique_ptr<Region>> staying;
  for (uint64_t i = 0; i < 50; i++) {
    staying.push_back(std::make_unique<Region>());
    map.Insert(staying.back().get(), (i * 4 + 1) * kBytes, kBytes);
  }
  std::atomic<bool> done{false};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> freed_seen{0};
  std::vector<std::thread> readers;
  for (uint32_t r = 0; r < 3; r++) {
    readers.emplace_back([&, r] {
      std::mt19937_64 random(Seed() + r);
      while (!done) {
        const uint64_t i = random() % 50;
        const RegionMap::Reading reading(map);
        wrong += FindIn(map, (i * 4 + 1) * kBytes + 5) != staying[i].get();
        Region* const passing = map.Find((random() % 50 * 4 + 3) * kBytes + 5);
        // A region that was found stays valid as long as the reading.
        if (passing) freed_seen += passing->page_count != 42;
      }
    });
  }
  std::mt19937_64 random(Seed());
  const int64_t end_ns = NowNs() + LoadTimeNs(500);
  std::map<uint64_t, std::unique_ptr<Region>> passing;
  while (NowNs() < end_ns) {
    const uint64_t i = random() % 50;
    std::unique_ptr<Region>& place = passing[i];
    if (place) {
      map.Remove(place.get());
      map.Quiesce();
      place->page_count = 0;
      place.reset();
    } else {
      place = std::make_unique<Region>();
      place->page_count = 42;
      map.Insert(place.get(), (i * 4 + 3) * kBytes, kBytes);
    }
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(freed_seen.load(), 0u);
}

TEST(quiesce_waits_for_every_reader_that_was_there_and_for_no_other) {
  RegionMap map;
  for (int round = 0; round < 3; round++) {
    auto outer = std::make_unique<RegionMap::Reading>(map);
    auto inner = std::make_unique<RegionMap::Reading>(map);
    std::atomic<bool> quiet{false};
    std::thread waiter([&] {
      map.Quiesce();
      quiet = true;
    });
    inner.reset();
    // Readers that never leave the slots empty hold nothing up; the one that was there does.
    std::unique_ptr<RegionMap::Reading> late[2];
    for (int i = 0; i < 1000; i++) {
      late[i % 2] = std::make_unique<RegionMap::Reading>(map);
      EXPECT_FALSE(quiet);
      if (i % 100 == 0) std::this_thread::yield();
    }
    late[0].reset();
    late[1].reset();
    outer.reset();
    for (int i = 0; !quiet; i++) {
      late[i % 2] = std::make_unique<RegionMap::Reading>(map);
      std::this_thread::yield();
    }
    waiter.join();
  }
}

}  // namespace
}  // namespace umap::test
