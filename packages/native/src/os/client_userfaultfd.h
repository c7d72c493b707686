// The userfaultfd of another process, as a server of pages uses it: it was handed over, works on
// that process's memory, and may be anything. So nothing here is taken for granted: each call says
// how it went, and none of them ends this process. See userfaultfd(2), ioctl_userfaultfd(2). The
// .cc is the platform's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

enum class ClientOutcome : uint8_t {
  kDone,
  // Something is mapped at the beginning of what is left.
  kExists,
  // The file has no page there.
  kNoPage,
  // An event of the client's waits to be read; until then its memory cannot be changed.
  kChanging,
  // Not a mapping of the client's, or not one that is registered.
  kNoRange,
  // The process has no memory any more.
  kGone,
  kNoMemory,
};

// A thread of the client's waits.
struct ClientFault {
  uint64_t address = 0;
  // In this process's namespace; 0: the kernel does not tell.
  pid_t thread_id = 0;
  bool is_write = false;
  // The page is mapped there, and may not be written yet; otherwise it is not mapped.
  bool is_write_protected = false;
};

struct ClientMessage {
  enum class Kind : uint8_t {
    kFault,
    // Moved from `begin` to `to`, by mremap(2).
    kMoved,
    // Its pages are about to be dropped (madvise), or its mapping is gone (munmap).
    kRemoved,
    kUnmapped,
    // Of no interest. The descriptor that comes with a fork is closed already.
    kOther,
  };
  Kind kind = Kind::kOther;
  ClientFault fault;
  uint64_t begin = 0;
  uint64_t bytes = 0;
  uint64_t to = 0;
};

class ClientUserfaultfd {
 public:
  // EINVAL: `fd` is no userfaultfd, or one without the features that are needed.
  static Status Adopt(UniqueFd fd, std::shared_ptr<const ClientUserfaultfd>* faults);

  int fd() const { return fd_.get(); }
  // For mappings that are written too: writes can be noticed, and pages arrive protected.
  bool has_write_protect() const { return has_write_protect_; }

  // Faults in [begin, begin + bytes) are reported from here on: pages that are not mapped and,
  // where `writable`, writes to protected ones.
  Status Register(uint64_t begin, uint64_t bytes, bool writable) const;
  // Who waits there is woken.
  ClientOutcome Unregister(uint64_t begin, uint64_t bytes) const;

  // Maps what the file has. Wakes who waits for the bytes that were mapped, `*mapped` many.
  ClientOutcome Continue(uint64_t begin, uint64_t bytes, bool is_protected, uint64_t* mapped) const;
  // Protecting wakes nobody; lifting the protection does.
  ClientOutcome Protect(uint64_t begin, uint64_t bytes) const;
  ClientOutcome Unprotect(uint64_t begin, uint64_t bytes) const;
  // Where nothing is mapped: no mark stays of a protected page that was. Wakes nobody.
  void DropMarks(uint64_t begin, uint64_t bytes) const;
  void Wake(uint64_t begin, uint64_t bytes) const;

  // Messages that are there, up to `count`, without waiting. 0: none now. -1: none ever again.
  int32_t Read(ClientMessage* messages, uint32_t count) const;

 private:
  ClientUserfaultfd(UniqueFd fd, bool has_write_protect);

  ClientOutcome SetProtection(uint64_t begin, uint64_t bytes, uint64_t mode) const;

  const UniqueFd fd_;
  const bool has_write_protect_;
};

}  // namespace umap
