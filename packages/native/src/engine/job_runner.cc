// See job_runner.h.
#include "engine/job_runner.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <thread>
#include <utility>

#include "os/clock.h"

namespace umap {
namespace {

// A thread that has had no job for so long ends.
constexpr int64_t kIdleNs = 1'000'000'000;

}  // namespace

void JobRunner::Run(std::function<void()> job) {
  MutexLock lock(mutex_);
  jobs_.push_back(std::move(job));
  if (idle_ >= jobs_.size()) {
    changed_.NotifyOne();
    return;
  }
  // Detached: a job may outlive the process's interest in it. The runner is never destroyed.
  std::thread([this, generation = generation_] { RunThread(generation); }).detach();
}

void JobRunner::Stop() {
  MutexLock lock(mutex_);
  generation_++;
  changed_.NotifyAll();
}

void JobRunner::RunThread(uint64_t generation) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "umap-job");
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
