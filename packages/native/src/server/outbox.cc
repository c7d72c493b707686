// See outbox.h.
#include "server/outbox.h"

#include <utility>

#include "os/unix_socket.h"

namespace umap {
namespace {

// Beside what the kernel's buffer holds. Enough for each answer that a client may be waiting for,
// and for a burst of notices.
constexpr size_t kPacketsMax = 1024;
constexpr size_t kBytesMax = 1 << 20;

}  // namespace

void Outbox::Send(wire::Bytes packet, UniqueFd fd) {
  bool changed;
  {
    MutexLock lock(mutex_);
    if (state_ != State::kIdle && state_ != State::kWaiting) return;
    const State before = state_;
    queued_bytes_ += packet.size();
    queue_.push_back({std::move(packet), std::move(fd)});
    if (state_ == State::kIdle) SendQueued();
    if (queue_.size() > kPacketsMax || queued_bytes_ > kBytesMax) {
      Clear(State::kOverflown);
    }
    changed = state_ != before;
  }
  if (changed) on_change_();
}

Outbox::State Outbox::Drain() {
  MutexLock lock(mutex_);
  if (state_ == State::kWaiting) SendQueued();
  return state_;
}

Outbox::State Outbox::state() const {
  MutexLock lock(mutex_);
  return state_;
}

void Outbox::Close() {
  MutexLock lock(mutex_);
  Clear(State::kClosed);
}

void Outbox::SendQueued() {
  while (!queue_.empty()) {
    const Packet& packet = queue_.front();
    const int fd = packet.fd.get();
    const auto fds = packet.fd.valid() ? std::span(&fd, 1) : std::span<const int>();
    switch (SendPacket(socket_, packet.bytes, fds)) {
      case SocketOutcome::kDone:
        queued_bytes_ -= packet.bytes.size();
        queue_.pop_front();
        break;
      case SocketOutcome::kWouldBlock:
        state_ = State::kWaiting;
        return;
      case SocketOutcome::kGone:
        Clear(State::kGone);
        return;
    }
  }
  state_ = State::kIdle;
}

void Outbox::Clear(State state) {
  state_ = state;
  queue_.clear();
  queued_bytes_ = 0;
}

}  // namespace umap
