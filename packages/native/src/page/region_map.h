// Which region an address belongs to. Looking it up takes no lock and stores to no shared cache
// line: a sequence count tells a reader that it raced with a change and must look again. A reader
// counts itself in a slot of its processor, so that a region that was removed can be freed safely;
// the scheme is that of sleepable read-copy update (SRCU, McKenney 2006). Finding is for any
// thread, signal handlers too; the rest takes a mutex.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "os/cpu.h"
#include "os/mutex.h"

namespace umap {

struct Region;

class RegionMap {
 public:
  // Holds back Quiesce for as long as it lives: not while waiting for anything. Any number at a
  // time, one inside another too.
  class Reading {
   public:
    explicit Reading(RegionMap& map)
        : count_(map.slots_[CurrentCpu() % kSlots]
                     .readers[map.epoch_.load(std::memory_order_relaxed) % 2]) {
      count_.fetch_add(1);
    }
    ~Reading() { count_.fetch_sub(1, std::memory_order_release); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    std::atomic<uint32_t>& count_;
  };

  RegionMap();

  void Insert(Region* region, uint64_t begin, uint64_t bytes);
  void Remove(Region* region);
  // Returns when no reader can hold a region that was removed before the call. REQUIRES: no
  // Reading of this thread is alive.
  void Quiesce() EXCLUDES(quiesce_mutex_);

  // REQUIRES: a Reading of this thread is alive; the region is valid as long as it.
  Region* Find(uint64_t address) const;

  uint32_t count() const { return count_.load(); }
  // Calls visit(region) for each, under the map's mutex.
  template <typename Visit>
  void ForEach(Visit visit) {
    MutexLock lock(mutex_);
    for (uint32_t i = 0; i < count_.load(); i++) visit(Table()[i].region.load());
  }

 private:
  struct Range {
    std::atomic<uint64_t> begin{0};
    std::atomic<uint64_t> end{0};
    std::atomic<Region*> region{nullptr};
  };
  static constexpr uint32_t kSlots = 64;
  // The readers that began in even and in odd epochs, on some of the processors.
  struct alignas(64) Slot {
    std::atomic<uint32_t> readers[2] = {};
  };

  Range* Table() const { return table_.load(std::memory_order_acquire); }
  void Grow() REQUIRES(mutex_);
  static void CopyRange(const Range& from, Range* to);
  void AwaitReaders(uint32_t parity) const;

  Mutex mutex_;
  // Sorted by address, high to low: the kernel hands addresses out downwards, so that a new region
  // mostly goes to the end. Odd while it changes.
  std::atomic<uint32_t> sequence_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<Range*> table_{nullptr};
  uint32_t capacity_ GUARDED_BY(mutex_) = 0;
  // Tables that were outgrown; a late reader may still look into one.
  std::unique_ptr<Range[]> tables_[32] GUARDED_BY(mutex_);
  uint32_t table_count_ GUARDED_BY(mutex_) = 0;
  Mutex quiesce_mutex_;
  std::atomic<uint32_t> epoch_{0};
  std::array<Slot, kSlots> slots_;
};

}  // namespace umap
