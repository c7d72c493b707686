// A region together with who in this process still holds it: references, which environments have,
// and wraps, which are buffers over its memory that V8 has not let go of. The memory is unmapped
// when both have come to an end, and never before. Knows nothing of Node.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/mapped_region.h"
#include "os/mutex.h"
#include "os/status.h"

namespace umap {

struct SharedPages;

struct RegionFacts {
  uint64_t buffer_id = 0;
  bool writable = false;
  uint64_t page_bytes = 0;
  uint64_t byte_length = 0;
  std::string label;
  // Its store runs in JavaScript.
  bool hosted = false;
  // Of one that a server's clients map; else null.
  std::shared_ptr<const SharedPages> shared;
};

// Thread rule: any method on any thread.
class HeldRegion : public std::enable_shared_from_this<HeldRegion> {
 public:
  using WrapId = uint64_t;
  // How closing ended; runs once, on any thread, and must not block.
  using Closed = std::function<void(const Status&)>;
  enum class DropOutcome {
    kDropped,  // others still hold references; `closed` is not called
    kClosing,  // it was the last one; `closed` is called, and on failure the reference is back
    kRefused,  // the region is being closed already
  };

  // Holds one reference, for who opened it, and has an id in Table<HeldRegion>().
  static std::shared_ptr<HeldRegion> Hold(std::shared_ptr<MappedRegion> region,
                                          const RegionFacts& facts, uint64_t* id);
  HeldRegion(std::shared_ptr<MappedRegion> region, const RegionFacts& facts);

  const RegionFacts& facts() const { return facts_; }
  // nullptr once it is being closed.
  std::shared_ptr<MappedRegion> OpenOrNull() const;

  // The same for an operation on it: until EndOperation, closing waits.
  std::shared_ptr<MappedRegion> BeginOperation();
  void EndOperation();

  // False: it is being closed.
  bool AddReference();
  DropOutcome DropReference(Closed closed);
  // Drops references of an environment that is gone. A last one closes; what cannot be written
  // back then is kept, and said on standard error.
  void AbandonReferences(uint32_t count);

  // A lingering wrap may outlive the region's last reference, because it cannot be detached.
  // 0: the region is being closed.
  WrapId AddWrap(bool lingering);
  void MarkLingering(WrapId wrap);
  void DropWrap(WrapId wrap);
  // Calls `dropped` when the wrap has been dropped; at once if it is, or if it may linger.
  void WhenDropped(WrapId wrap, std::function<void()> dropped);
  uint32_t wraps() const;

  // Whether all closing that the engine works on, of all regions, ended within the time.
  static bool WaitForEngine(std::chrono::milliseconds time);

 private:
  enum class State {
    kOpen,
    kClosing,  // no references; waits for operations and detached wraps, then for the engine
    kRetired,  // no references, everything is in the store; waits for wraps that linger
    kClosed,
    kStuck,    // the write-back failed and nobody is left who could try again
  };
  struct Wrap {
    bool lingering = false;
    std::vector<std::function<void()>> when_dropped;
  };

  void Advance();
  void FinishStep(const Status& status, State next);
  bool OnlyLingering() const REQUIRES(mutex_);

  const RegionFacts facts_;
  uint64_t id_ = 0;

  mutable Mutex mutex_;
  State state_ GUARDED_BY(mutex_) = State::kOpen;
  std::shared_ptr<MappedRegion> region_ GUARDED_BY(mutex_);
  // While closing, who asked for it still counts.
  uint32_t references_ GUARDED_BY(mutex_) = 1;
  std::map<WrapId, Wrap> wraps_ GUARDED_BY(mutex_);
  WrapId last_wrap_ GUARDED_BY(mutex_) = 0;
  uint32_t operations_ GUARDED_BY(mutex_) = 0;
  // The engine works on a step of closing.
  bool busy_ GUARDED_BY(mutex_) = false;
  Closed closed_ GUARDED_BY(mutex_);
  // Keeps a stuck region, whose dirty pages exist nowhere else.
  std::shared_ptr<HeldRegion> self_ GUARDED_BY(mutex_);
};

}  // namespace umap
