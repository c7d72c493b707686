// What the tests of store hosts are made of: calls that can be waited for, and a thread that plays
// the JavaScript worker.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "store/host_store.h"

namespace umap {

// Of the store, where a test has only one.
constexpr uint64_t kKey = 7;

// A call that remembers how it ended and can be waited for.
class TestCall final : public StoreCall {
 public:
  TestCall(StoreOp call_op, uint64_t call_offset, std::vector<uint8_t>* bytes) {
    op = call_op;
    offset = call_offset;
    if (bytes != nullptr) {
      byte_length = bytes->size();
      iovecs.push_back({bytes->data(), bytes->size()});
    }
  }

  void Done(StoreResult result) override {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    times_ += 1;
    // Under the mutex: the waiter may destroy the call as soon as it can see the result.
    changed_.notify_all();
  }

  StoreResult Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return times_ > 0; });
    return result_;
  }

  int times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  StoreResult result_;
  int times_ = 0;
};

// A flag that threads wait for.
class Signal {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  // Waits until it is set, and takes it back.
  void Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
    set_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// What a JavaScript worker has: a session, its arena, and a wake-up.
struct Server {
  explicit Server(StoreHost& served) : host(served) {
    status = host.Attach(
        HostArena::Kind::kPrivate, [signal = wake] { signal->Set(); }, &session, &arena);
  }

  // The next call; waits for it.
  HostCall Take() {
    HostCall call;
    while (!host.TakeCall(session, &call)) wake->Take();
    return call;
  }

  StoreHost& host;
  // Shared, because a wake may come a moment after the end of the session.
  std::shared_ptr<Signal> wake = std::make_shared<Signal>();
  StoreHost::Session session = 0;
  std::shared_ptr<HostArena> arena;
  Status status;
};

inline StoreTraits Traits(uint32_t concurrency_max, uint64_t call_bytes_max) {
  StoreTraits traits;
  traits.byte_length = 1 << 30;
  traits.writable = true;
  traits.concurrency_max = concurrency_max;
  traits.call_bytes_max = call_bytes_max;
  return traits;
}

inline std::shared_ptr<StoreHost> MakeHost(uint64_t arena_bytes, int64_t grace_ms) {
  return std::make_shared<StoreHost>(
      StoreHostOptions{arena_bytes, std::chrono::milliseconds(grace_ms)});
}

}  // namespace umap
