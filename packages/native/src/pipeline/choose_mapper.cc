// Which way of taking faults a region gets: what the machine allows is found out by trying, best
// first. Runs where regions are opened; what was opened stays until the engine stops.
#include <errno.h>

#include <utility>

#include "pipeline/pager.h"

namespace umap {

Status Pager::OpenMessages() {
  Userfaultfd uffd;
  Status status = Userfaultfd::Open(FaultMode::kUserfaultfd, options_.features_denied, &uffd);
  if (!status.ok()) {
    const Status user_mode =
        Userfaultfd::Open(FaultMode::kUserfaultfdUserMode, options_.features_denied, &uffd);
    if (!user_mode.ok()) return status;
  }
  return PrivateMapper::Create(std::move(uffd), &messages_);
}

Status Pager::ChooseMapper(FaultChoice choice, bool writable, Mapper** mapper) {
  (void)choice, (void)writable;
  if (!messages_) return messages_refused_;
  *mapper = messages_.get();
  return Status::Ok();
}

}  // namespace umap
