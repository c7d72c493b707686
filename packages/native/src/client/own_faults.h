// This process's end of the userfaultfd whose faults a server answers. The server gets a duplicate;
// ours keeps threads waiting when the server is gone, and lets us give their pages up ourselves.
// Any thread. See ioctl_userfaultfd(2).
#pragma once

#include <cstdint>
#include <memory>

#include "os/fault_mode.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

struct OwnFaultsOptions {
  // For tests of the fallbacks: bits of features to do without, and whether faults inside system
  // calls count as refused.
  uint64_t features_denied = 0;
  bool kernel_faults_denied = false;
};

// A thread of this process waits here.
struct OwnFault {
  uint64_t address = 0;
  // The page is there, and may not be written.
  bool is_write_protected = false;
};

enum class PoisonOutcome : uint8_t {
  kDone,
  // A part of it has a page, or the mark of a protected one: that is as it was, the rest is done.
  kOccupied,
  // Not now: the address space is being changed.
  kBusy,
};

class OwnFaults {
 public:
  // In the best way that this machine allows. EPERM or ENOSYS, and a message that says why.
  static Status Open(const OwnFaultsOptions& options, std::shared_ptr<OwnFaults>* faults);

  int fd() const { return fd_.get(); }
  FaultMode mode() const { return mode_; }
  // Without it, pages that cannot be had are replaced by a mapping that raises the same errors.
  bool has_poison() const { return has_poison_; }

  // Touches of the range raise SIGBUS, and fail with EFAULT in system calls; who waits there finds
  // that out. REQUIRES: has_poison().
  PoisonOutcome Poison(uint64_t address, uint64_t bytes) const;
  // Forgets what is mapped there, and marks of what was, so that Poison finds nothing. Blocks until
  // somebody reads the event that this makes.
  // REQUIRES: nobody else maps pages there.
  void Zap(uint64_t address, uint64_t bytes) const;
  // Threads that wait there look again.
  void Wake(uint64_t address, uint64_t bytes) const;
  Status Register(uint64_t address, uint64_t bytes, bool writable) const;
  void Unregister(uint64_t address, uint64_t bytes) const;

  // Up to `count` faults without waiting. What else there is to read is of no interest to us, but
  // who caused it waits until it is read.
  uint32_t Read(OwnFault* faults, uint32_t count) const;

 private:
  UniqueFd fd_;
  FaultMode mode_ = FaultMode::kUserfaultfd;
  bool has_poison_ = false;
};

}  // namespace umap
