// What a client does when its server is gone for good: its own threads that wait for pages get an
// error, never zeros. Runs on the connection's receiving thread, which has nothing to receive any
// more, for as long as something is mapped.
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "client/client_region.h"
#include "client/connection.h"

namespace umap {
namespace {

constexpr uint32_t kFaultsMax = 64;
constexpr int kRetryMs = 1;
constexpr useconds_t kRetryUs = 1000;

// On a thread of its own, because forgetting a page waits until its event is read here.
void GiveUpOccupied(const OwnFaults& faults, uint64_t address, uint64_t bytes) {
  for (;;) {
    faults.Zap(address, bytes);
    PoisonOutcome outcome;
    while ((outcome = faults.Poison(address, bytes)) == PoisonOutcome::kBusy) usleep(kRetryUs);
    if (outcome == PoisonOutcome::kDone) return;
  }
}

}  // namespace

void Connection::AnswerOwnFaults() {
  // 1. What the server has read and not answered is reported again, to us.
  for (const auto& region : Regions()) {
    faults_->Wake(region->memory().address(), region->memory().bytes());
  }
  // 2. Every fault is the end of a hope. What cannot be answered now is tried again.
  std::vector<uint64_t> unanswered;
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (released_ && regions_.empty()) return;
    }
    pollfd ready[] = {{faults_->fd(), POLLIN, 0}, {changed_.get(), POLLIN, 0}};
    poll(ready, 2, unanswered.empty() ? -1 : kRetryMs);
    if (ready[1].revents != 0) {
      uint64_t count;
      [[maybe_unused]] const ssize_t got = read(changed_.get(), &count, sizeof count);
    }
    OwnFault faults[kFaultsMax];
    const uint32_t count = faults_->Read(faults, kFaultsMax);
    for (uint32_t i = 0; i < count; i++) unanswered.push_back(faults[i].address);
    std::erase_if(unanswered, [this](uint64_t address) { return GiveUp(address); });
  }
}

// False: not yet.
bool Connection::GiveUp(uint64_t address) {
  static const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t page = address & ~(page_bytes - 1);
  if (!faults_->has_poison()) {
    for (const auto& region : Regions()) {
      const ClientMemory& memory = region->memory();
      if (memory.Contains(page)) memory.Replace(page - memory.address(), page_bytes);
    }
    faults_->Wake(page, page_bytes);
    return true;
  }
  switch (faults_->Poison(page, page_bytes)) {
    case PoisonOutcome::kDone: return true;
    case PoisonOutcome::kBusy: return false;
    case PoisonOutcome::kOccupied: break;
  }
  return RunClientJob([self = shared_from_this(), page] {
           GiveUpOccupied(*self->faults_, page, page_bytes);
         }).ok();
}

}  // namespace umap
