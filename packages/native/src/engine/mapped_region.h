// A region as whoever holds its memory uses it, wherever its pages are looked after: by the engine
// of this process, or by a server. Operations that wait take a callback, which runs once, on a
// thread of the implementation; it must not block or touch a region.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "os/status.h"
#include "page/events.h"

namespace umap {

// Thread rule: any method on any thread.
class MappedRegion {
 public:
  virtual ~MappedRegion() = default;

  virtual uint8_t* data() const = 0;
  // The engine's region, where it is in this process; else nullptr.
  virtual std::shared_ptr<Region> engine_region() const { return nullptr; }

  virtual void Prefault(std::vector<ByteRange> ranges, Callback done) = 0;
  virtual void Flush(ByteRange range, Callback done) = 0;
  virtual void Evict(ByteRange range, Callback done) = 0;
  virtual void Discard(ByteRange range, Callback done) = 0;
  // Blocks the caller until the range is resident.
  virtual Status Pin(ByteRange range) = 0;
  virtual void Unpin(ByteRange range) = 0;
  virtual RegionStats Stats() = 0;

  virtual uint64_t Subscribe(EventSink sink) = 0;
  virtual void Unsubscribe(uint64_t subscription) = 0;

  // As engine.h says it of Close.
  // REQUIRES: no thread touches the region any more, no operation is under way.
  virtual void Close(Callback done) = 0;
};

// A region of the engine of this process.
std::shared_ptr<MappedRegion> MappedRegionOf(std::shared_ptr<Region> region);

}  // namespace umap
