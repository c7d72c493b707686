// The calls that threads are making on stores which block them, so that the watchdog can name one
// that hangs. A thread announces its call in a slot of its own for as long as it lasts: no lock,
// and no cache line that is shared. What finds no slot goes unwatched. Signal handlers may too.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "os/clock.h"
#include "os/cpu.h"
#include "store/store.h"

namespace umap {

struct Region;

class WatchedCalls {
 private:
  struct alignas(64) Slot {
    std::atomic<bool> taken{false};
    std::atomic<int64_t> started_ns{0};
    std::atomic<const Region*> region{nullptr};
    std::atomic<uint64_t> offset{0};
    std::atomic<uint64_t> byte_length{0};
    std::atomic<StoreOp> op{StoreOp::kRead};
  };

 public:
  // Announces a call of this thread, from before it is made until after it has ended.
  class Announcement {
   public:
    Announcement(WatchedCalls& calls, const Region& region, StoreOp op, uint64_t offset,
                 uint64_t byte_length)
        : slot_(calls.TakeSlot()) {
      if (!slot_) return;
      slot_->region.store(&region);
      slot_->offset.store(offset);
      slot_->byte_length.store(byte_length);
      slot_->op.store(op);
      slot_->started_ns.store(NowNs());
    }
    ~Announcement() {
      if (!slot_) return;
      slot_->started_ns.store(0);
      slot_->region.store(nullptr);
      slot_->taken.store(false);
    }
    Announcement(const Announcement&) = delete;
    Announcement& operator=(const Announcement&) = delete;

   private:
    Slot* const slot_;
  };

  // Calls visit(pending call) for each call on the region's store.
  template <typename Visit>
  void ForEachOf(const Region* region, Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.region.load() != region) continue;
      visit(PendingCall{slot.op.load(), slot.offset.load(), slot.byte_length.load(),
                        slot.started_ns.load()});
    }
  }

 private:
  Slot* TakeSlot() {
    // Threads of different processors begin at different places.
    const uint32_t begin = CurrentCpu() * kSlotsPerCpu;
    for (uint32_t i = 0; i < slots_.size(); i++) {
      Slot& slot = slots_[(begin + i) % slots_.size()];
      if (!slot.taken.load() && !slot.taken.exchange(true)) return &slot;
    }
    return nullptr;
  }

  static constexpr uint32_t kSlotsPerCpu = 8;

  std::array<Slot, 128> slots_;
};

}  // namespace umap
