// A thread that makes one access to memory and ends; part of Probe(), which answers the fault. No
// signal handler of the application runs in it.
#pragma once

#include <pthread.h>

#include <chrono>
#include <cstdint>

#include "os/unique_fd.h"

namespace umap {

enum class Access { kRead, kWriteAndReadBack, kSystemCall };

class TouchThread {
 public:
  // What kWriteAndReadBack writes.
  static constexpr uint8_t kWrittenByte = 0xa5;

  // Starts the thread; kSystemCall has the kernel read eight bytes at `address`.
  TouchThread(Access access, uint8_t* address);
  // REQUIRES: the fault, if any, is answered or its range unregistered.
  ~TouchThread() { Join(); }
  TouchThread(const TouchThread&) = delete;
  TouchThread& operator=(const TouchThread&) = delete;

  // errno of starting the thread, or 0.
  int start_error() const { return start_error_; }
  // Becomes readable when the access is done.
  int done_fd() const { return done_.get(); }

  // Waits until the access is done, or `end`; returns whether it is done.
  bool AwaitDone(std::chrono::steady_clock::time_point end) const;
  void Join();

  // After Join(): who touched, the byte read, and the errno of the system call.
  uint32_t thread_id() const { return thread_id_; }
  uint8_t byte() const { return byte_; }
  int error() const { return error_; }

 private:
  static void* Run(void* self);
  void Touch();

  const Access access_;
  uint8_t* const address_;
  UniqueFd done_;
  pthread_t thread_ = {};
  int start_error_ = 0;
  bool joined_ = false;
  // Written by the thread before it ends.
  uint32_t thread_id_ = 0;
  uint8_t byte_ = 0;
  int error_ = 0;
};

// Milliseconds until `end`, for poll(); never negative.
int RemainingMs(std::chrono::steady_clock::time_point end);

}  // namespace umap
