// Whether a thread that answers faults should look for the next one at once instead of sleeping:
// where faults come densely, waking a halted processor costs more than a whole fault. One thread
// of the process at a time, for it keeps a processor from the clients. See
// docs/decisions/0002-fillers-wait-in-the-userfaultfd.md.
#pragma once

#include <cstdint>

namespace umap {

// One thread's; used by that thread alone.
class FaultSpin {
 public:
  FaultSpin() = default;
  ~FaultSpin() { Stop(); }
  FaultSpin(const FaultSpin&) = delete;
  FaultSpin& operator=(const FaultSpin&) = delete;

  // A fault was answered.
  void Note();
  // True: look again. False: sleep.
  bool ShouldSpin();

 private:
  static constexpr int64_t kGapMaxNs = 1'000'000;

  void Stop();

  bool spins_ = false;
  int64_t last_fault_ns_ = 0;
  // Between two faults, on average.
  int64_t gap_ns_ = kGapMaxNs;
};

}  // namespace umap
