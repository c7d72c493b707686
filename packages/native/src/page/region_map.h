// Which region an address belongs to. Looking it up takes no lock and stores to no shared cache
// line: a sequence count tells a reader that it raced with a change and must look again. A reader
// announces itself in a slot of its own, so that a region that was removed can be freed safely.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "os/mutex.h"

namespace umap {

struct Region;

class RegionMap {
 public:
  static constexpr uint32_t kReadersMax = 256;

  // Holds back Quiesce for as long as it lives. One at a time for each reader number.
  class Reading {
   public:
    Reading(RegionMap& map, uint32_t reader) : active_(map.readers_[reader].active) {
      active_.store(true);
    }
    ~Reading() { active_.store(false, std::memory_order_release); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    std::atomic<bool>& active_;
  };

  RegionMap();

  void Insert(Region* region, uint64_t begin, uint64_t bytes);
  void Remove(Region* region);
  // Returns when no reader can hold a region that was removed before the call.
  void Quiesce();

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
  struct alignas(64) Reader {
    std::atomic<bool> active{false};
  };

  Range* Table() const { return table_.load(std::memory_order_acquire); }
  void Grow() REQUIRES(mutex_);
  static void CopyRange(const Range& from, Range* to);

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
  mutable std::array<Reader, kReadersMax> readers_;
};

}  // namespace umap
