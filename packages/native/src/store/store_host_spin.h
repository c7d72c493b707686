// Decides how long a thread of a store host looks again and again before it sleeps: waking a thread
// on a halted processor costs more than a whole call, so it is worth it while events come densely.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>

#include "os/clock.h"

namespace umap {

// Belongs to one thread.
class HostSpin {
 public:
  void NoteEvent() {
    const int64_t now = NowNs();
    const int64_t gap = std::min(now - last_ns_, kGapMaxNs);
    gap_ns_ += (gap - gap_ns_) / 4;
    last_ns_ = now;
  }

  // Whether the next event is likely to come while a thread would still be falling asleep.
  bool Dense() const { return gap_ns_ <= kDenseNs; }
  // In the past where spinning is not worth it.
  int64_t SpinUntilNs() const {
    return Dense() && HasProcessors() ? last_ns_ + std::max(2 * gap_ns_, kSpinMinNs) : 0;
  }
  // Average time from one event to the next.
  int64_t gap_ns() const { return gap_ns_; }

  static constexpr int64_t kGapMaxNs = 1'000'000;

 private:
  static constexpr int64_t kDenseNs = 100'000;
  static constexpr int64_t kSpinMinNs = 20'000;

  // With one processor, who spins keeps the other from what it waits for.
  static bool HasProcessors() {
    static const bool has = std::thread::hardware_concurrency() > 1;
    return has;
  }

  int64_t last_ns_ = 0;
  int64_t gap_ns_ = kGapMaxNs;
};

}  // namespace umap
