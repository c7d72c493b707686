// See fault_spin.h.
#include "server/fault_spin.h"

#include <algorithm>
#include <atomic>

#include "os/clock.h"

namespace umap {
namespace {

// Faults are dense when there is less time than this between two of them.
constexpr int64_t kDenseNs = 40'000;
// A spinner looks at least as long for the next fault.
constexpr int64_t kSpinMinNs = 10'000;

std::atomic<bool> g_has_spinner{false};

}  // namespace

void FaultSpin::Note() {
  const int64_t now = NowNs();
  const int64_t gap = std::min(now - last_fault_ns_, kGapMaxNs);
  gap_ns_ += (gap - gap_ns_) / 4;
  last_fault_ns_ = now;
}

bool FaultSpin::ShouldSpin() {
  const bool is_dense = gap_ns_ <= kDenseNs &&
                        NowNs() - last_fault_ns_ < std::max(2 * gap_ns_, kSpinMinNs);
  if (!is_dense) {
    Stop();
    return false;
  }
  if (!spins_) spins_ = !g_has_spinner.exchange(true);
  return spins_;
}

void FaultSpin::Stop() {
  if (spins_) g_has_spinner.store(false);
  spins_ = false;
}

}  // namespace umap
