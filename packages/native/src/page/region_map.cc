// See region_map.h.
#include "page/region_map.h"

#include <sched.h>
#include <time.h>

#include "os/check.h"

namespace umap {
namespace {

constexpr uint32_t kCapacityMin = 64;
// A reader is done within microseconds, unless it has lost its processor.
constexpr uint32_t kYieldsMax = 64;
constexpr timespec kPause = {0, 50'000};

}  // namespace

RegionMap::RegionMap() {
  MutexLock lock(mutex_);
  Grow();
}

void RegionMap::CopyRange(const Range& from, Range* to) {
  to->begin.store(from.begin.load(), std::memory_order_release);
  to->end.store(from.end.load(), std::memory_order_release);
  to->region.store(from.region.load(), std::memory_order_release);
}

void RegionMap::Grow() {
  const uint32_t capacity = capacity_ ? capacity_ * 2 : kCapacityMin;
  auto table = std::make_unique<Range[]>(capacity);
  const uint32_t count = count_.load();
  for (uint32_t i = 0; i < count; i++) CopyRange(Table()[i], &table[i]);
  capacity_ = capacity;
  table_.store(table.get(), std::memory_order_release);
  tables_[table_count_++] = std::move(table);
}

void RegionMap::Insert(Region* region, uint64_t begin, uint64_t bytes) {
  MutexLock lock(mutex_);
  if (count_.load() == capacity_) Grow();
  Range* table = Table();
  sequence_.fetch_add(1);
  uint32_t place = count_.load();
  for (; place > 0 && table[place - 1].begin.load() < begin; place--) {
    CopyRange(table[place - 1], &table[place]);
  }
  table[place].begin.store(begin, std::memory_order_release);
  table[place].end.store(begin + bytes, std::memory_order_release);
  table[place].region.store(region, std::memory_order_release);
  count_.fetch_add(1);
  sequence_.fetch_add(1, std::memory_order_release);
}

void RegionMap::Remove(Region* region) {
  MutexLock lock(mutex_);
  Range* table = Table();
  const uint32_t count = count_.load();
  uint32_t place = 0;
  while (place < count && table[place].region.load() != region) place++;
  CHECK(place < count);
  sequence_.fetch_add(1);
  for (; place + 1 < count; place++) CopyRange(table[place + 1], &table[place]);
  count_.store(count - 1);
  sequence_.fetch_add(1);
}

// A reader that is counted now may have found the region before it was removed; one that is counted
// later finds it no more. Those that still come count in the other half of the slots, so that they
// cannot hold this up for ever.
void RegionMap::Quiesce() {
  MutexLock lock(quiesce_mutex_);
  const uint32_t epoch = epoch_.load();
  // 1. Readers that took the number of the epoch before this one, however late they counted.
  AwaitReaders((epoch + 1) % 2);
  // 2. Readers of this epoch.
  epoch_.store(epoch + 1);
  AwaitReaders(epoch % 2);
}

void RegionMap::AwaitReaders(uint32_t parity) const {
  uint32_t looks = 0;
  for (const Slot& slot : slots_) {
    while (slot.readers[parity].load() != 0) {
      if (++looks < kYieldsMax) {
        sched_yield();
      } else {
        nanosleep(&kPause, nullptr);
      }
    }
  }
}

Region* RegionMap::Find(uint64_t address) const {
  for (;;) {
    // In one order with the reader's count and with Quiesce, which looks at it after the removal:
    // either it sees that count, or the reader sees that the region is gone.
    const uint32_t before = sequence_.load();
    if (before & 1) continue;
    // The count before the table: a table that is read later holds at least that many.
    const uint32_t count = count_.load(std::memory_order_acquire);
    const Range* table = Table();
    // The first range that begins at or below the address, high to low.
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (table[middle].begin.load(std::memory_order_acquire) <= address) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    Region* region = nullptr;
    if (low < count) {
      const Range& range = table[low];
      if (address >= range.begin.load(std::memory_order_acquire) &&
          address < range.end.load(std::memory_order_acquire)) {
        region = range.region.load(std::memory_order_acquire);
      }
    }
    if (sequence_.load(std::memory_order_acquire) == before) return region;
  }
}

}  // namespace umap
