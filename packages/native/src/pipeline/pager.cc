// See pager.h: the life of the engine's threads.
#include "pipeline/pager.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "os/check.h"

namespace umap {
namespace {

// A blocked filler costs nothing but its stack, and a disk wants several requests at once.
constexpr uint32_t kFillersMin = 4;
constexpr uint32_t kFillersMax = 16;
constexpr uint32_t kEvictors = 2;
constexpr uint32_t kFaultEventsMax = 64;

// Engine threads take no signals: those are the application's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Pager::Pager(const PagerOptions& options) : options_(options) {}

Pager::~Pager() { CHECK(threads_.empty()); }

Status Pager::Start() {
  Status status = Userfaultfd::Open(options_.features_denied, &uffd_);
  if (!status.ok()) return status;
  empty_file_.Reset(memfd_create("umap-failed-pages", MFD_CLOEXEC));
  if (!empty_file_) return SystemError(errno, "memfd_create");
  leader_wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!leader_wake_) return SystemError(errno, "eventfd");

  const uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  filler_count_ = options_.fillers ? options_.fillers
                                   : std::clamp(2 * cores, kFillersMin, kFillersMax);
  filler_count_ = std::min(filler_count_, RegionMap::kReadersMax);
  evictor_count_ = options_.evictors ? options_.evictors : kEvictors;
  fault_events_max_ = options_.fault_events_max ? options_.fault_events_max : kFaultEventsMax;

  const SignalsBlocked blocked;
  const auto start = [this](const char* name, auto function) {
    threads_.emplace_back(function);
    pthread_setname_np(threads_.back().native_handle(), name);
  };
  for (uint32_t i = 0; i < filler_count_; i++) start("umap-filler", [this, i] { RunFiller(i); });
  for (uint32_t i = 0; i < evictor_count_; i++) start("umap-evictor", [this] { RunEvictor(); });
  start("umap-watchdog", [this] { RunWatchdog(); });
  return Status::Ok();
}

void Pager::Stop() {
  CHECK(regions_.count() == 0);
  {
    MutexLock filler_lock(filler_mutex_);
    MutexLock evictor_lock(evictor_mutex_);
    MutexLock timer_lock(timer_mutex_);
    stopping_ = true;
    filler_wanted_.NotifyAll();
    evictor_wanted_.NotifyAll();
    timer_changed_.NotifyAll();
  }
  WakeLeader();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  CHECK(ready_.empty() && parked_.empty() && waiting_count_.load() == 0);
}

void Pager::WakeLeader() {
  const uint64_t one = 1;
  (void)!write(leader_wake_.get(), &one, sizeof one);
}

}  // namespace umap
