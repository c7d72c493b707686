// What one client has pinned: how much that is, and what is to be taken back when it ends. Any
// thread: pins are made on job threads, and may come to be when the client is gone already.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "engine/engine.h"
#include "os/mutex.h"

namespace umap {

class SessionPins {
 public:
  // A mapping begins; pins of others are refused.
  void Open(uint32_t mapping, const std::shared_ptr<Region>& region) EXCLUDES(mutex_);
  // It ends: its pins are taken back.
  void Close(uint32_t mapping) EXCLUDES(mutex_);
  void CloseAll() EXCLUDES(mutex_);

  // Counts `bytes` in, before they are pinned. False: there would be more than `bytes_max`.
  bool Reserve(uint64_t bytes, uint64_t bytes_max) EXCLUDES(mutex_);
  // The pin failed.
  void Cancel(uint64_t bytes) EXCLUDES(mutex_);
  // The pin is there. False: its mapping has ended meanwhile, and so has the pin.
  bool Add(uint32_t mapping, const std::shared_ptr<Region>& region, ByteRange range,
           uint64_t bytes) EXCLUDES(mutex_);
  // Takes a pin of exactly this range back. False: there is none.
  bool Remove(uint32_t mapping, ByteRange range) EXCLUDES(mutex_);

  uint64_t bytes() const EXCLUDES(mutex_);
  uint64_t bytes(uint32_t mapping) const EXCLUDES(mutex_);

 private:
  // Offset and length.
  using Key = std::pair<uint64_t, uint64_t>;
  struct Pin {
    uint32_t count = 0;
    uint64_t bytes = 0;
  };
  struct Mapping {
    std::shared_ptr<Region> region;
    std::map<Key, Pin> pins;
  };

  // Unpins outside of the mutex.
  static uint64_t Release(const Mapping& mapping);

  mutable Mutex mutex_;
  std::map<uint32_t, Mapping> mappings_ GUARDED_BY(mutex_);
  // Reserved ones too.
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
