// See pager.h: the life of the engine's threads.
#include "pipeline/pager.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "os/check.h"

namespace umap {
namespace {

// A blocked filler costs nothing but its stack, and a disk wants several requests at once.
constexpr uint32_t kFillersPerCore = 4;
constexpr uint32_t kFillersMin = 8;
constexpr uint32_t kFillersMax = 32;
constexpr uint32_t kEvictors = 2;
constexpr uint32_t kFaultEventsMax = 8;

}  // namespace

Pager::Pager(const PagerOptions& options) : options_(options) {}

Pager::~Pager() {
  MutexLock lock(threads_mutex_);
  CHECK(threads_.empty());
}

Status Pager::Start() {
  messages_refused_ = OpenMessages();
  const int faults = messages_ ? messages_->uffd().fd() : -1;
  Status status = filler_watch_.Create(faults);
  if (!status.ok()) return status;

  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  const uint32_t fillers_default = std::clamp(kFillersPerCore * cores, kFillersMin, kFillersMax);
  const uint32_t fillers =
      std::min(options_.fillers ? options_.fillers : fillers_default, kFillersLimit);
  const uint32_t evictors = options_.evictors ? options_.evictors : kEvictors;
  fault_events_max_ = options_.fault_events_max ? options_.fault_events_max : kFaultEventsMax;

  for (uint32_t i = 0; i < fillers && status.ok(); i++) status = AddFiller();
  for (uint32_t i = 0; i < evictors && status.ok(); i++) status = AddEvictor();
  if (status.ok()) status = AddThread("umap-watchdog", [this] { RunWatchdog(); });
  if (!status.ok()) Stop();
  return status;
}

Status Pager::AddFiller() {
  Status status = AddThread("umap-filler", [this] { RunFiller(); });
  if (status.ok()) filler_count_.fetch_add(1);
  return status;
}

Status Pager::AddEvictor() {
  Status status = AddThread("umap-evictor", [this] { RunEvictor(); });
  if (status.ok()) evictor_count_.fetch_add(1);
  return status;
}

Status Pager::AddThread(const char* name, std::function<void()> function) {
  MutexLock lock(threads_mutex_);
  if (stopping_) return Status::Fail(ECANCELED, "the engine stops");
  Thread thread;
  Status status = Thread::Start(name, std::move(function), &thread);
  if (status.ok()) threads_.push_back(std::move(thread));
  return status;
}

void Pager::Stop() {
  CHECK(regions_.count() == 0);
  {
    MutexLock threads_lock(threads_mutex_);
    MutexLock evictor_lock(evictor_mutex_);
    MutexLock timer_lock(timer_mutex_);
    stopping_ = true;
    evictor_wanted_.NotifyAll();
    timer_changed_.NotifyAll();
  }
  WakeFillers();
  std::vector<Thread> threads;
  {
    MutexLock lock(threads_mutex_);
    threads.swap(threads_);
  }
  for (Thread& thread : threads) thread.Join();
  CHECK(posted_.empty() && parked_.empty() && waiting_count_.load() == 0);
}

// Each sleeper is woken by one write: they are exclusive.
void Pager::WakeFillers() {
  for (uint32_t left = filler_count_.load(); left > 0; left--) filler_watch_.Post();
}

}  // namespace umap
