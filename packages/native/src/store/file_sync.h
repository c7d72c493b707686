// Decides when fdatasync is needed and what its failure means, for one file. Any thread, many at
// once; no lock is held while the kernel syncs.
//
// Linux reports a failed write-back of its page cache to one fdatasync only, marks the pages clean
// all the same, and may drop them: a second fdatasync succeeds although the data is on no disk. So
// a failure is kept here: whatever was written since the last good sync stays unsynced, and every
// later Sync reports it. Opening the store anew, and writing again what it lost, is the way out.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "os/file_calls.h"
#include "os/mutex.h"
#include "os/status.h"

namespace umap {

class FileSync {
 public:
  // `sync` is for tests: what to call instead of fdatasync.
  explicit FileSync(int (*sync)(int fd) = SyncData) : fdatasync_(sync) {}

  // After each write that reached the kernel, whole or in part, and before its success is told.
  void NoteWrite() { written_.fetch_add(1, std::memory_order_release); }

  // Makes every write durable that was noted before this call. Calls that come at the same time
  // share an fdatasync, and with it its failure; without a new write there is none.
  Status Sync(int fd, const std::string& label) EXCLUDES(mutex_);

 private:
  int (*const fdatasync_)(int fd);
  // Writes noted so far. A sync covers a prefix of them.
  std::atomic<uint64_t> written_ = 0;
  Mutex mutex_;
  CondVar sync_ended_;
  bool syncing_ GUARDED_BY(mutex_) = false;
  // The prefix that the last fdatasync covered, whether it failed or not.
  uint64_t attempted_ GUARDED_BY(mutex_) = 0;
  // The first failure; success for as long as there was none.
  Status failure_ GUARDED_BY(mutex_);
};

}  // namespace umap
