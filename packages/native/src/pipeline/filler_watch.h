// Who of the fillers waits for faults, so that each fault wakes one thread, and none where one is
// awake already. An idle filler *watches* the userfaultfd: the watchers are exclusive waiters, of
// which the kernel wakes one. Where faults come densely one filler *spins*, for waking a halted CPU
// costs more than a whole fault; the others *rest* then, deaf to faults, since a watcher would be
// woken by each of them in vain. All hear of posted work.
//
// Invariant: while a filler rests, another one watches, spins, or is on its way to look for faults.
#pragma once

#include <atomic>
#include <cstdint>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

class FillerWatch {
 public:
  // `uffd` must outlive the object; -1 where faults are no messages. The .cc is the platform's.
  Status Create(int uffd);

  // Counts posted work, and wakes somebody for it. Any thread, signal handlers too.
  void Post();
  // Takes one from the count. False: it is 0.
  bool TakePosted();

  // One filler's place in it. Used by that filler's thread alone.
  class Place {
   public:
    explicit Place(FillerWatch& watch);
    ~Place() { StopSpinning(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // A fault was answered without waiting.
    void NoteQuickFault();
    // Returns when it is worth looking for faults and posted work again: at once for a spinner.
    void AwaitWork();
    // Before this filler waits for a store: somebody else must hear the next fault.
    void Leave();

   private:
    bool ShouldSpin();
    void StopSpinning();

    FillerWatch& watch_;
    // Their events: faults, posted work, being hushed; posted work, being called.
    const UniqueFd watching_;
    const UniqueFd resting_;
    bool spins_ = false;
    int64_t last_fault_ns_ = 0;
    int64_t gap_ns_;
  };

 private:
  int uffd_ = -1;
  UniqueFd posted_;  // eventfd (EFD_SEMAPHORE): how much work is posted
  // The same, where there are no eventfds.
  std::atomic<uint32_t> posted_count_{0};
  UniqueFd call_;  // eventfd: one of those that rest shall watch
  UniqueFd hush_;  // eventfd: as many of those that watch shall rest
  std::atomic<bool> has_spinner_{false};
  std::atomic<uint32_t> watchers_{0};
  std::atomic<uint32_t> resters_{0};
};

}  // namespace umap
