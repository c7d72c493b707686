// See store_host_relay.h.
#include "store/store_host_relay.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <utility>

#include "os/clock.h"
#include "store/store_host_spin.h"
#include "store/store_host_wire.h"

namespace umap {

struct HostRelay::Channel {
  // Not owned: the host keeps what wakes us, which keeps this.
  std::weak_ptr<StoreHost> host;
  StoreHost::Session session = 0;
  UniqueFd socket;
  uint32_t calls_max = 1;
  // Sent, or about to be, and not answered. Never above calls_max, so that the socket has room.
  std::atomic<uint32_t> calls = 0;
};

Status HostRelay::Start(std::shared_ptr<StoreHost> host, int link,
                        std::unique_ptr<HostRelay>* relay) {
  auto channel = std::make_shared<Channel>();
  UniqueFd other_end;
  Status status = CreateSocketPair(&channel->socket, &other_end);
  if (!status.ok()) return status;
  channel->host = host;
  channel->calls_max = CallsThatFit(channel->socket.get());

  const auto wake = [channel] {
    if (const auto awake = channel->host.lock()) SendCalls(*awake, *channel);
  };
  std::shared_ptr<HostArena> arena;
  status = host->Attach(HostArena::Kind::kShared, wake, &channel->session, &arena);
  if (!status.ok()) return status;
  status = SendService(link, other_end.get(), arena->fd());
  if (!status.ok()) {
    host->Detach(channel->session);
    return status;
  }
  relay->reset(new HostRelay(channel));
  (*relay)->thread_ = std::thread([host, channel] { TakeAnswers(host, *channel); });
  pthread_setname_np((*relay)->thread_.native_handle(), "umap-relay");
  return Status::Ok();
}

HostRelay::~HostRelay() {
  shutdown(channel_->socket.get(), SHUT_RDWR);
  thread_.join();
}

// Any thread, several at once. When calls_max is reached, who takes an answer goes on.
void HostRelay::SendCalls(StoreHost& host, Channel& channel) {
  for (;;) {
    uint32_t calls = channel.calls;
    do {
      if (calls >= channel.calls_max) return;
    } while (!channel.calls.compare_exchange_weak(calls, calls + 1));
    HostCall call;
    if (!host.TakeCall(channel.session, &call)) {
      channel.calls -= 1;
      return;
    }
    // To nobody: the call waits for the next service, as soon as our thread has seen it.
    if (!SendCall(channel.socket.get(), call)) shutdown(channel.socket.get(), SHUT_RDWR);
  }
}

void HostRelay::TakeAnswers(const std::shared_ptr<StoreHost>& host, Channel& channel) {
  HostSpin spin;
  HostAnswer answer;
  for (;;) {
    Receipt receipt = Receipt::kNothing;
    for (const int64_t until = spin.SpinUntilNs(); receipt == Receipt::kNothing;) {
      const bool spins = channel.calls > 0 && NowNs() < until;
      receipt = ReceiveAnswer(channel.socket.get(), !spins, &answer);
      // Who answers may want this very processor.
      if (receipt == Receipt::kNothing) sched_yield();
    }
    if (receipt == Receipt::kGone) break;
    spin.NoteEvent();
    channel.calls -= 1;
    host->Complete(answer.token, answer.outcome, std::move(answer.status));
    SendCalls(*host, channel);
  }
  host->Detach(channel.session);
}

}  // namespace umap
