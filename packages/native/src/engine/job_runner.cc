// See job_runner.h.
#include "engine/job_runner.h"

#include <chrono>
#include <utility>

#include "os/clock.h"
#include "os/thread.h"

namespace umap {
namespace {

// A thread that has had no job for so long ends.
constexpr int64_t kIdleNs = 1'000'000'000;

}  // namespace

Status JobRunner::Run(std::function<void()> job) {
  MutexLock lock(mutex_);
  jobs_.push_back(std::move(job));
  if (idle_ >= jobs_.size()) {
    changed_.NotifyOne();
    return Status::Ok();
  }
  // Detached: a job may outlive the process's interest in it. The runner is never destroyed.
  Status status = Thread::StartDetached(
      "umap-job", [this, generation = generation_] { RunThread(generation); });
  if (!status.ok()) jobs_.pop_back();
  return status;
}

void JobRunner::Stop() {
  MutexLock lock(mutex_);
  generation_++;
  changed_.NotifyAll();
}

void JobRunner::RunThread(uint64_t generation) {
  MutexLock lock(mutex_);
  for (;;) {
    const int64_t idle_until_ns = NowNs() + kIdleNs;
    while (jobs_.empty()) {
      const int64_t left_ns = idle_until_ns - NowNs();
      if (generation_ != generation || left_ns <= 0) return;
      idle_++;
      changed_.WaitFor(mutex_, std::chrono::nanoseconds(left_ns));
      idle_--;
    }
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    mutex_.unlock();
    job();
    job = nullptr;
    mutex_.lock();
  }
}

}  // namespace umap
