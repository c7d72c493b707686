// See job_runner.h.
#include "engine/job_runner.h"

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace umap {

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
    while (jobs_.empty()) {
      if (generation_ != generation) return;
      idle_++;
      changed_.Wait(mutex_);
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
