// See session_pins.h.
#include "server/session_pins.h"

#include <utility>

namespace umap {

void SessionPins::Open(uint32_t mapping, const std::shared_ptr<Region>& region) {
  MutexLock lock(mutex_);
  mappings_[mapping].region = region;
}

void SessionPins::Close(uint32_t mapping) {
  Mapping ended;
  {
    MutexLock lock(mutex_);
    const auto found = mappings_.find(mapping);
    if (found == mappings_.end()) return;
    ended = std::move(found->second);
    mappings_.erase(found);
  }
  const uint64_t released = Release(ended);
  MutexLock lock(mutex_);
  bytes_ -= released;
}

void SessionPins::CloseAll() {
  for (;;) {
    uint32_t mapping;
    {
      MutexLock lock(mutex_);
      if (mappings_.empty()) return;
      mapping = mappings_.begin()->first;
    }
    Close(mapping);
  }
}

uint64_t SessionPins::Release(const Mapping& mapping) {
  uint64_t bytes = 0;
  for (const auto& [key, pin] : mapping.pins) {
    for (uint32_t i = 0; i < pin.count; i++) Unpin(mapping.region, {key.first, key.second});
    bytes += pin.bytes * pin.count;
  }
  return bytes;
}

bool SessionPins::Reserve(uint64_t bytes, uint64_t bytes_max) {
  MutexLock lock(mutex_);
  if (bytes > bytes_max || bytes_ > bytes_max - bytes) return false;
  bytes_ += bytes;
  return true;
}

void SessionPins::Cancel(uint64_t bytes) {
  MutexLock lock(mutex_);
  bytes_ -= bytes;
}

bool SessionPins::Add(uint32_t mapping, const std::shared_ptr<Region>& region, ByteRange range,
                      uint64_t bytes) {
  {
    MutexLock lock(mutex_);
    const auto found = mappings_.find(mapping);
    if (found != mappings_.end()) {
      Pin& pin = found->second.pins[{range.offset, range.byte_length}];
      pin.count++;
      pin.bytes = bytes;
      return true;
    }
    bytes_ -= bytes;
  }
  Unpin(region, range);
  return false;
}

bool SessionPins::Remove(uint32_t mapping, ByteRange range) {
  std::shared_ptr<Region> region;
  {
    MutexLock lock(mutex_);
    const auto found = mappings_.find(mapping);
    if (found == mappings_.end()) return false;
    auto& pins = found->second.pins;
    const auto pin = pins.find({range.offset, range.byte_length});
    if (pin == pins.end()) return false;
    region = found->second.region;
    bytes_ -= pin->second.bytes;
    if (--pin->second.count == 0) pins.erase(pin);
  }
  Unpin(region, range);
  return true;
}

uint64_t SessionPins::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

uint64_t SessionPins::bytes(uint32_t mapping) const {
  MutexLock lock(mutex_);
  const auto found = mappings_.find(mapping);
  if (found == mappings_.end()) return 0;
  uint64_t bytes = 0;
  for (const auto& [key, pin] : found->second.pins) bytes += pin.bytes * pin.count;
  return bytes;
}

}  // namespace umap
