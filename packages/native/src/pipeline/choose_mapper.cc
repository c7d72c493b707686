// Which way of taking faults a region gets: what the machine allows is found out by trying, best
// first. Runs where regions are opened; what was opened stays until the engine stops.
#include <errno.h>

#include <utility>

#include "pipeline/pager.h"

namespace umap {

Status Pager::OpenMessages() {
  Userfaultfd uffd;
  Status status = options_.kernel_faults_denied
                      ? Status::Fail(EPERM, "kernel-mode faults are denied")
                      : Userfaultfd::Open(FaultMode::kUserfaultfd, options_.features_denied, &uffd);
  if (!status.ok()) {
    const Status user_mode =
        Userfaultfd::Open(FaultMode::kUserfaultfdUserMode, options_.features_denied, &uffd);
    if (!user_mode.ok()) return status;
  }
  return PrivateMapper::Create(std::move(uffd), &messages_);
}

Status Pager::ChooseMapper(FaultChoice choice, bool writable, Mapper** mapper) {
  if (choice == FaultChoice::kInThread) return ChooseInThread(writable, mapper);
  if (choice == FaultChoice::kSignal) return ChooseSignal(mapper);
  if (choice == FaultChoice::kShared) return ChooseShared(mapper);
  Status refused = messages_refused_;
  if (messages_) {
    refused = messages_->CheckAccess(writable);
    *mapper = messages_.get();
  }
  if (refused.ok() || choice == FaultChoice::kUserfaultfd) return refused;
  return ChooseSignal(mapper);
}

Status Pager::ChooseInThread(bool writable, Mapper** mapper) {
  MutexLock lock(ways_mutex_);
  if (!in_thread_) {
    Userfaultfd uffd;
    Status status = Userfaultfd::Open(FaultMode::kInThread, options_.features_denied, &uffd);
    if (status.ok()) status = PrivateMapper::Create(std::move(uffd), &in_thread_);
    if (!status.ok()) return status;
  }
  *mapper = in_thread_.get();
  const Status status = in_thread_->CheckAccess(writable);
  return status.ok() ? InstallFaultSignals(AnswerFault) : status;
}

Status Pager::ChooseSignal(Mapper** mapper) {
  MutexLock lock(ways_mutex_);
  if (!signal_) {
    Status status = AliasMapper::Create(&signal_);
    if (!status.ok()) return status;
  }
  *mapper = signal_.get();
  return InstallFaultSignals(AnswerFault);
}

Status Pager::ChooseShared(Mapper** mapper) {
  MutexLock lock(ways_mutex_);
  if (!shared_) shared_ = std::make_unique<SharedMapper>();
  *mapper = shared_.get();
  return Status::Ok();
}

}  // namespace umap
