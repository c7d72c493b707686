// How a region comes to its end:
//   open -> closing    the last reference is dropped [DropReference, AbandonReferences]
//   closing -> closed  nothing is under way, no wrap is left, the engine closed it [FinishStep]
//   closing -> retired only wraps that linger are left, and it is flushed [FinishStep]
//   retired -> closed  the last wrap is dropped and the engine has closed it [FinishStep]
//   closing -> open    the write-back failed, and who asked for the end is still there
//   closing, retired -> stuck  the write-back failed and nobody is there
#include "binding/held_region.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "binding/id_table.h"
#include "os/log.h"

namespace umap {

namespace {

// Steps of closing that the engine works on, in all regions.
struct Steps {
  Mutex mutex;
  CondVar changed;
  uint32_t count GUARDED_BY(mutex) = 0;

  // Never destroyed: engine threads may be at work until the process has ended.
  static Steps& Get() {
    static auto* const steps = new Steps();
    return *steps;
  }
  void Begin() {
    MutexLock lock(mutex);
    count += 1;
  }
  void End() {
    MutexLock lock(mutex);
    count -= 1;
    changed.NotifyAll();
  }
};

}  // namespace

bool HeldRegion::WaitForEngine(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  Steps& steps = Steps::Get();
  MutexLock lock(steps.mutex);
  while (steps.count > 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    steps.changed.WaitFor(steps.mutex, left);
  }
  return true;
}

std::shared_ptr<HeldRegion> HeldRegion::Hold(std::shared_ptr<MappedRegion> region,
                                             const RegionFacts& facts, uint64_t* id) {
  auto held = std::make_shared<HeldRegion>(std::move(region), facts);
  held->id_ = Table<HeldRegion>().Add(held);
  *id = held->id_;
  return held;
}

HeldRegion::HeldRegion(std::shared_ptr<MappedRegion> region, const RegionFacts& facts)
    : facts_(facts), region_(std::move(region)) {}

std::shared_ptr<MappedRegion> HeldRegion::OpenOrNull() const {
  MutexLock lock(mutex_);
  return state_ == State::kOpen ? region_ : nullptr;
}

std::shared_ptr<MappedRegion> HeldRegion::BeginOperation() {
  MutexLock lock(mutex_);
  if (state_ != State::kOpen) return nullptr;
  operations_ += 1;
  return region_;
}

void HeldRegion::EndOperation() {
  {
    MutexLock lock(mutex_);
    operations_ -= 1;
  }
  Advance();
}

// References --------------------------------------------------------------------------------------

bool HeldRegion::AddReference() {
  MutexLock lock(mutex_);
  if (state_ != State::kOpen) return false;
  references_ += 1;
  return true;
}

HeldRegion::DropOutcome HeldRegion::DropReference(Closed closed) {
  {
    MutexLock lock(mutex_);
    if (state_ != State::kOpen || references_ == 0) return DropOutcome::kRefused;
    if (references_ > 1) {
      references_ -= 1;
      return DropOutcome::kDropped;
    }
    state_ = State::kClosing;
    closed_ = std::move(closed);
  }
  Advance();
  return DropOutcome::kClosing;
}

void HeldRegion::AbandonReferences(uint32_t count) {
  {
    MutexLock lock(mutex_);
    references_ -= std::min(count, references_);
    if (references_ > 0 || state_ != State::kOpen) return;
    state_ = State::kClosing;
  }
  Advance();
}

// Wraps -------------------------------------------------------------------------------------------

HeldRegion::WrapId HeldRegion::AddWrap(bool lingering) {
  MutexLock lock(mutex_);
  if (state_ != State::kOpen) return 0;
  wraps_.emplace(++last_wrap_, Wrap{lingering, {}});
  return last_wrap_;
}

void HeldRegion::MarkLingering(WrapId wrap) {
  std::vector<std::function<void()>> when_dropped;
  {
    MutexLock lock(mutex_);
    const auto found = wraps_.find(wrap);
    if (found == wraps_.end()) return;
    found->second.lingering = true;
    when_dropped.swap(found->second.when_dropped);
  }
  for (const auto& dropped : when_dropped) dropped();
  Advance();
}

void HeldRegion::DropWrap(WrapId wrap) {
  std::vector<std::function<void()>> when_dropped;
  {
    MutexLock lock(mutex_);
    const auto found = wraps_.find(wrap);
    if (found == wraps_.end()) return;
    when_dropped.swap(found->second.when_dropped);
    wraps_.erase(found);
  }
  for (const auto& dropped : when_dropped) dropped();
  Advance();
}

void HeldRegion::WhenDropped(WrapId wrap, std::function<void()> dropped) {
  {
    MutexLock lock(mutex_);
    const auto found = wraps_.find(wrap);
    if (found != wraps_.end() && !found->second.lingering) {
      found->second.when_dropped.push_back(std::move(dropped));
      return;
    }
  }
  dropped();
}

uint32_t HeldRegion::wraps() const {
  MutexLock lock(mutex_);
  return static_cast<uint32_t>(wraps_.size());
}

bool HeldRegion::OnlyLingering() const {
  return std::all_of(wraps_.begin(), wraps_.end(),
                     [](const auto& entry) { return entry.second.lingering; });
}

// The end -----------------------------------------------------------------------------------------

// Takes the next step of closing, if one can be taken now.
void HeldRegion::Advance() {
  std::shared_ptr<MappedRegion> region;
  bool unmap = false;
  {
    MutexLock lock(mutex_);
    if (state_ != State::kClosing && state_ != State::kRetired) return;
    if (busy_ || operations_ > 0) return;
    unmap = wraps_.empty();
    if (!unmap && (state_ == State::kRetired || !OnlyLingering())) return;
    busy_ = true;
    region = region_;
  }
  Steps::Get().Begin();
  const auto self = shared_from_this();
  if (unmap) {
    region->Close([self](const Status& status) { self->FinishStep(status, State::kClosed); });
    return;
  }
  // Somebody may still read through a buffer that lingers, so the mapping stays; its pages go.
  const ByteRange all = {0, facts_.byte_length};
  region->Flush(all, [self, region, all](const Status& status) {
    if (!status.ok()) return self->FinishStep(status, State::kRetired);
    // That pages could not be evicted costs memory, not data.
    region->Evict(all, [self](const Status&) { self->FinishStep({}, State::kRetired); });
  });
}

// The engine has done a step, or has failed to.
void HeldRegion::FinishStep(const Status& status, State next) {
  Closed closed;
  bool stuck = false;
  {
    MutexLock lock(mutex_);
    busy_ = false;
    closed.swap(closed_);
    if (status.ok()) {
      state_ = next;
      references_ = 0;
      if (next == State::kClosed) region_ = nullptr;
    } else if (references_ > 0) {
      state_ = State::kOpen;
    } else {
      stuck = true;
      state_ = State::kStuck;
      self_ = shared_from_this();
    }
  }
  if (status.ok()) Table<HeldRegion>().Remove(id_);
  if (stuck) {
    Log(LogLevel::kError, "a region that nobody closed cannot be written back: " + status.message);
  }
  if (closed) closed(status);
  Steps::Get().End();
  Advance();
}

}  // namespace umap
