// See client_userfaultfd.h. macOS has no userfaultfd, and no server of pages.
#include <errno.h>

#include <utility>

#include "os/client_userfaultfd.h"

namespace umap {

ClientUserfaultfd::ClientUserfaultfd(UniqueFd fd, bool has_write_protect)
    : fd_(std::move(fd)), has_write_protect_(has_write_protect) {}

Status ClientUserfaultfd::Adopt(UniqueFd, std::shared_ptr<const ClientUserfaultfd>*) {
  return Status::Fail(ENOSYS, "macOS has no userfaultfd");
}

Status ClientUserfaultfd::Register(uint64_t, uint64_t, bool) const {
  return Status::Fail(ENOSYS, "macOS has no userfaultfd");
}

ClientOutcome ClientUserfaultfd::Unregister(uint64_t, uint64_t) const {
  return ClientOutcome::kGone;
}

ClientOutcome ClientUserfaultfd::Continue(uint64_t, uint64_t, bool, uint64_t* mapped) const {
  *mapped = 0;
  return ClientOutcome::kGone;
}

ClientOutcome ClientUserfaultfd::Protect(uint64_t, uint64_t) const { return ClientOutcome::kGone; }

ClientOutcome ClientUserfaultfd::Unprotect(uint64_t, uint64_t) const {
  return ClientOutcome::kGone;
}

void ClientUserfaultfd::DropMarks(uint64_t, uint64_t) const {}

void ClientUserfaultfd::Wake(uint64_t, uint64_t) const {}

int32_t ClientUserfaultfd::Read(ClientMessage*, uint32_t) const { return -1; }

}  // namespace umap
