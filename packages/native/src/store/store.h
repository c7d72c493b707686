// What the pipeline knows of a store: calls on byte ranges that end exactly once, on any thread.
// A native store blocks the thread that submits; a JavaScript store queues the call to its host.
// Nothing here may touch the memory of a region that can fault.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>

#include "os/inline_vector.h"
#include "os/status.h"

namespace umap {

enum class StoreOp : uint8_t { kRead, kWrite, kFlush, kDiscard };

// Which of the two kinds of success a read had: bytes were put into the target, or the range was
// never written and the target was left as it was.
struct StoreResult {
  Status status;
  bool hole = false;
};

using Iovecs = InlineVector<iovec, 4>;

// One call on a store. The owner keeps it, its iovecs and the memory they name alive until Done.
class StoreCall {
 public:
  StoreOp op = StoreOp::kRead;
  // Byte range in the store. Reads and writes move exactly `byte_length` bytes, which is the sum
  // of the iovecs' lengths; flush ignores the range.
  uint64_t offset = 0;
  uint64_t byte_length = 0;
  // kRead: where the bytes go. kWrite: where they come from; they may change while the call runs.
  Iovecs iovecs;

  // Called exactly once for each Submit, on any thread, possibly before Submit returns. The call
  // may be submitted again or destroyed in here.
  virtual void Done(StoreResult result) = 0;

 protected:
  ~StoreCall() = default;
};

// What a store is capable of; plain data that holds for its lifetime.
struct StoreTraits {
  uint64_t byte_length = 0;
  bool writable = false;
  // Calls in flight that the store wants; the store queues what goes beyond.
  uint32_t concurrency_max = 1;
  // The engine coalesces neighbouring pages up to this many bytes a call.
  uint64_t call_bytes_max = 1 << 20;
  // Submit does the I/O on the calling thread; false: it queues and returns at once.
  bool blocking = true;
  bool can_discard = false;
  // O_DIRECT: memory must be aligned and reads never come from the page cache.
  bool direct = false;
};

enum class TryReadOutcome : uint8_t { kDone, kHole, kWouldBlock };
// Whether a TryRead may wait for a device.
enum class MayWait : uint8_t { kNo, kYes };

// A call that has not ended yet.
struct PendingCall {
  StoreOp op = StoreOp::kRead;
  uint64_t offset = 0;
  uint64_t byte_length = 0;
  int64_t started_ns = 0;  // CLOCK_MONOTONIC
};

// Thread rule: every method may be called from any engine thread, many at once.
class Store {
 public:
  virtual ~Store() = default;

  virtual const StoreTraits& traits() const = 0;
  // Names the store in messages: a path or a URL without secrets.
  virtual const std::string& label() const = 0;

  // Reads all of [offset, offset + byte_length) into `target` where that needs no waiting, or where
  // that is allowed and the store works on the calling thread; else kWouldBlock, and the caller
  // submits. Errors are kWouldBlock too: Submit will report them.
  // Signal handlers may call it: no memory from the heap, no lock, no thread-local storage.
  virtual TryReadOutcome TryRead(uint64_t offset, void* target, uint64_t byte_length,
                                 MayWait may_wait) {
    (void)offset, (void)target, (void)byte_length, (void)may_wait;
    return TryReadOutcome::kWouldBlock;
  }

  virtual void Submit(StoreCall* call) = 0;

  // The call that a store which queues has been working on longest; false when it is idle. For
  // stores that block, the engine knows by itself.
  virtual bool OldestCall(PendingCall* pending) const {
    (void)pending;
    return false;
  }
};

}  // namespace umap
