// The threads that wait in a signal handler for a page, so that the watchdog can say who is blocked
// when a store hangs. A thread announces itself for as long as it waits: no lock. What finds no
// slot goes unnamed.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace umap {

class WaitingTouches {
 public:
  class Announcement {
   public:
    Announcement(WaitingTouches& touches, pid_t thread) : slot_(touches.TakeSlot(thread)) {}
    ~Announcement() {
      if (slot_) slot_->store(0);
    }
    Announcement(const Announcement&) = delete;
    Announcement& operator=(const Announcement&) = delete;

   private:
    std::atomic<pid_t>* const slot_;
  };

  bool Has(pid_t thread) const {
    for (const auto& slot : slots_) {
      if (slot.load() == thread) return true;
    }
    return false;
  }

  uint32_t Count() const {
    uint32_t count = 0;
    for (const auto& slot : slots_) count += slot.load() != 0;
    return count;
  }

 private:
  std::atomic<pid_t>* TakeSlot(pid_t thread) {
    for (auto& slot : slots_) {
      pid_t nobody = 0;
      if (slot.load() == 0 && slot.compare_exchange_strong(nobody, thread)) return &slot;
    }
    return nullptr;
  }

  std::array<std::atomic<pid_t>, 64> slots_{};
};

}  // namespace umap
