// How many faults of one client wait for something, over all of its mappings. Its monitor stops
// reading above a limit, so that no client can make the server remember more than that. Any
// thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "os/futex.h"

namespace umap {

class ClientLoad {
 public:
  uint32_t waiting() const { return waiting_.load(); }
  void Add() { waiting_.fetch_add(1); }
  void Remove(uint32_t count) {
    if (count == 0) return;
    waiting_.fetch_sub(count);
    Signal();
  }
  // Waits until fewer than `limit` wait, or until Stop.
  void AwaitBelow(uint32_t limit) {
    sleepers_.fetch_add(1);
    for (;;) {
      const uint32_t seen = changes_.load();
      if (stopped_.load() || waiting_.load() < limit) break;
      FutexWait(changes_, seen);
    }
    sleepers_.fetch_sub(1);
  }
  // Nobody waits any more, nor will.
  void Stop() {
    stopped_.store(true);
    Signal();
  }

 private:
  void Signal() {
    if (sleepers_.load() == 0) return;
    changes_.fetch_add(1);
    FutexWakeAll(changes_);
  }

  std::atomic<uint32_t> waiting_{0};
  std::atomic<uint32_t> changes_{0};
  std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace umap
