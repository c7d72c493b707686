// See userfaultfd.h. macOS has none: it cannot be opened, and so nothing else is ever called.
#include <cerrno>

#include "os/check.h"
#include "os/userfaultfd.h"

namespace umap {

Status Userfaultfd::Open(FaultMode, uint64_t, Userfaultfd*) {
  return Status::Fail(ENOSYS, "userfaultfd: Linux only");
}

Status Userfaultfd::Register(void*, uint64_t, uint64_t) const {
  return Status::Fail(ENOSYS, "userfaultfd: Linux only");
}

void Userfaultfd::Copy(void*, const void*, uint64_t, bool) const { CHECK(!"no userfaultfd"); }
void Userfaultfd::Zero(void*, uint64_t) const { CHECK(!"no userfaultfd"); }
UffdOutcome Userfaultfd::Move(void*, void*, uint64_t, bool, uint64_t*) const {
  CHECK(!"no userfaultfd");
  return UffdOutcome::kBusy;
}
UffdOutcome Userfaultfd::Poison(void*, uint64_t) const {
  CHECK(!"no userfaultfd");
  return UffdOutcome::kBusy;
}
void Userfaultfd::WriteProtect(void*, uint64_t) const { CHECK(!"no userfaultfd"); }
void Userfaultfd::Unprotect(void*, uint64_t) const { CHECK(!"no userfaultfd"); }
void Userfaultfd::Wake(void*, uint64_t) const { CHECK(!"no userfaultfd"); }
uint32_t Userfaultfd::Read(UffdFault*, uint32_t) const { return 0; }

}  // namespace umap
