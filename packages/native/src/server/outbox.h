// What a server sends to one client: at once where the socket takes it, else from a bounded queue.
// Sending never waits; a client that does not read makes the outbox fail, never its sender. Any
// thread; the socket is the owner's, who closes the outbox before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>

#include "os/mutex.h"
#include "os/unique_fd.h"
#include "wire/message.h"

namespace umap {

class Outbox {
 public:
  enum class State : uint8_t {
    kIdle,
    // Drain is to be called when the socket takes more.
    kWaiting,
    // For good, each of these: the client is gone; it does not read; Close was called.
    kGone,
    kOverflown,
    kClosed,
  };

  // `on_change` is called without a lock when the state has changed to other than kIdle; on the
  // thread of the sender, so it must not wait.
  Outbox(int socket, std::function<void()> on_change)
      : socket_(socket), on_change_(std::move(on_change)) {}

  void Send(wire::Bytes packet, UniqueFd fd = UniqueFd()) EXCLUDES(mutex_);
  State Drain() EXCLUDES(mutex_);
  State state() const EXCLUDES(mutex_);
  // What is sent from here on, or was not yet, is dropped.
  void Close() EXCLUDES(mutex_);

 private:
  struct Packet {
    wire::Bytes bytes;
    UniqueFd fd;
  };

  void SendQueued() REQUIRES(mutex_);
  void Clear(State state) REQUIRES(mutex_);

  const int socket_;
  const std::function<void()> on_change_;
  mutable Mutex mutex_;
  State state_ GUARDED_BY(mutex_) = State::kIdle;
  // Not empty in kWaiting only.
  std::deque<Packet> queue_ GUARDED_BY(mutex_);
  size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace umap
