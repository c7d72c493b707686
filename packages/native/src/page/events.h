// What a region tells those who listen, and the ranges and callbacks of its operations.
#pragma once

#include <cstdint>
#include <functional>

#include "os/status.h"

namespace umap {

enum class EventKind : uint8_t {
  kFillError,
  kWriteBackError,
  kPressure,
  kStall,
  // A client's own: the server that has the pages is gone for good.
  kServerGone,
};

struct RegionEvent {
  EventKind kind = EventKind::kFillError;
  Status status;
  uint64_t offset = 0;       // in the region, bytes
  uint64_t byte_length = 0;
  uint64_t budget_bytes = 0; // kPressure: the new budget
};

struct ByteRange {
  uint64_t offset = 0;
  uint64_t byte_length = 0;
};

using Callback = std::function<void(Status)>;
using EventSink = std::function<void(const RegionEvent&)>;

}  // namespace umap
