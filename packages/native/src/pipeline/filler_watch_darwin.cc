// See filler_watch.h. macOS: there are no messages of faults, so that all wait for posted work, of
// which each unit wakes one. Compiled, but never run.
#include "os/futex.h"
#include "pipeline/filler_watch.h"

namespace umap {

Status FillerWatch::Create(int uffd) {
  uffd_ = uffd;
  return Status::Ok();
}

void FillerWatch::Post() {
  posted_count_.fetch_add(1);
  FutexWake(posted_count_, 1);
}

bool FillerWatch::TakePosted() {
  uint32_t count = posted_count_.load();
  while (count > 0) {
    if (posted_count_.compare_exchange_weak(count, count - 1)) return true;
  }
  return false;
}

FillerWatch::Place::Place(FillerWatch& watch) : watch_(watch), gap_ns_(0) {}

void FillerWatch::Place::NoteQuickFault() {
  last_fault_ns_ = 0;
  gap_ns_ = 0;
}
bool FillerWatch::Place::ShouldSpin() { return false; }
void FillerWatch::Place::StopSpinning() { spins_ = false; }
void FillerWatch::Place::AwaitWork() { FutexWait(watch_.posted_count_, 0); }
void FillerWatch::Place::Leave() {}

}  // namespace umap
