// The process's userfaultfd: opened by the best way that this machine allows, every ioctl as a
// method with its return codes made plain. See userfaultfd(2), ioctl_userfaultfd(2).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "os/fault_mode.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

// How an ioctl on a range of pages ended.
enum class UffdOutcome : uint8_t {
  kDone,
  // Something is mapped there already; what came before it in the range was done.
  kExists,
  // The page is pinned or shared, or the kernel asks to try again later.
  kBusy,
  kNoMemory,
};

// What a thread waits for.
struct UffdFault {
  uint64_t address = 0;
  // 0: the kernel does not tell.
  pid_t thread_id = 0;
  // The page is there, and may not be written yet; otherwise it is absent.
  bool is_write_protected = false;
  bool is_write = false;
};

class Userfaultfd {
 public:
  // Non-blocking. `mode`: what it must be good for, any but kSignal. `features_denied`: bits to go
  // without, for tests of the fallbacks.
  static Status Open(FaultMode mode, uint64_t features_denied, Userfaultfd* uffd);

  int fd() const { return fd_.get(); }
  FaultMode mode() const { return mode_; }
  bool has_move() const { return has_move_; }
  bool has_poison() const { return has_poison_; }
  bool has_write_protect() const { return has_write_protect_; }

  // What a range can be registered for, together.
  static constexpr uint64_t kMissing = 1 << 0;
  static constexpr uint64_t kWriteProtect = 1 << 1;
  Status Register(void* begin, uint64_t bytes, uint64_t modes) const;

  // Each of these covers [begin, begin + bytes) whole, resuming after a partial success, and wakes
  // the threads that wait there, unless said otherwise.
  // Where the kernel has no memory, as in a full memory cgroup, Copy and Zero ask again until it
  // has; after ten seconds of that the process ends with a message.
  void Copy(void* to, const void* from, uint64_t bytes, bool write_protected) const;
  void Zero(void* begin, uint64_t bytes) const;
  // Takes the pages at `from` away atomically. `wake`: the threads that wait at `to`.
  UffdOutcome Move(void* to, void* from, uint64_t bytes, bool wake, uint64_t* moved_bytes) const;
  UffdOutcome Poison(void* begin, uint64_t bytes) const;
  // Protecting wakes nobody.
  void WriteProtect(void* begin, uint64_t bytes) const;
  void Unprotect(void* begin, uint64_t bytes) const;
  void Wake(void* begin, uint64_t bytes) const;

  // Up to `count` faults without waiting; 0 when there is none.
  uint32_t Read(UffdFault* faults, uint32_t count) const;

 private:
  void SetProtection(void* begin, uint64_t bytes, uint64_t mode) const;

  UniqueFd fd_;
  FaultMode mode_ = FaultMode::kUserfaultfd;
  bool has_move_ = false;
  bool has_poison_ = false;
  bool has_write_protect_ = false;
  bool has_thread_id_ = false;
};

}  // namespace umap
