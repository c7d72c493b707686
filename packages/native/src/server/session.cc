// See session.h: the connection, and the end of a session.
#include "server/session.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "os/check.h"
#include "server/session_request.h"

namespace umap {
namespace {

// Packets of one client before others have their turn.
constexpr int kPacketsInARowMax = 16;
// Numbers of mappings are never used again, not by later servers either.
constexpr uint32_t kMappingsPerGeneration = 1 << 20;

}  // namespace

Session::Request::Request(std::shared_ptr<Session> session, uint32_t number)
    : session_(std::move(session)), number_(number) {
  session_->requests_.fetch_add(1);
  session_->state_.BeginOperation();
}

Session::Request::~Request() {
  ServerState& state = session_->state_;
  session_->NoteAnswered();
  // The state is there until the last operation has ended, and the session no longer.
  session_.reset();
  state.EndOperation();
}

void Session::Request::Finish(const Status& status) { session_->AnswerDone(number_, status); }

Session::Session(ServerState& state, uint64_t id, UniqueFd socket, PeerCredentials peer)
    : state_(state),
      id_(id),
      peer_(std::move(peer)),
      socket_(std::move(socket)),
      outbox_(socket_.get(), [this] {
        state_.loop.Post([self = shared_from_this()] { self->OnOutbox(); });
      }),
      next_mapping_(state.generation * kMappingsPerGeneration + 1) {}

Session::~Session() { CHECK(monitor_ == nullptr); }

std::string Session::Name() const {
  return "client " + std::to_string(id_) + " (pid " + std::to_string(peer_.pid) + ", uid " +
         std::to_string(peer_.uid) + ")";
}

Status Session::Begin() {
  watch_events_ = EPOLLIN;
  watch_ = state_.loop.Watch(socket_.get(), watch_events_,
                             [this](uint32_t events) { OnSocket(events); });
  if (watch_ == 0) return Status::Fail(ENOMEM, "no memory to wait for a client");
  const uint32_t timeout_ms = state_.options.limits.hello_timeout_ms;
  timer_ = state_.loop.After(timeout_ms, [this, timeout_ms] {
    Drop("it said nothing for " + std::to_string(timeout_ms) + " ms");
  });
  return Status::Ok();
}

void Session::OnSocket(uint32_t events) {
  const auto self = shared_from_this();
  if ((events & EPOLLOUT) != 0) OnOutbox();
  if ((events & EPOLLIN) != 0) {
    for (int i = 0; i < kPacketsInARowMax && phase_ != Phase::kEnding; i++) {
      if (requests_.load() >= state_.options.limits.requests_max || !ReceiveOne()) break;
    }
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    End(wire::GoodbyeReason::kDropped, "");
  }
  WatchSocket();
}

bool Session::ReceiveOne() {
  ReceivedPacket packet;
  switch (ReceivePacket(socket_.get(), false, state_.packet_buffer, &packet)) {
    case SocketOutcome::kDone:
      break;
    case SocketOutcome::kWouldBlock:
      return false;
    case SocketOutcome::kGone:
      End(wire::GoodbyeReason::kDropped, "");
      return false;
  }
  for (UniqueFd& fd : packet.fds) unwanted_.push_back(std::move(fd));
  wire::Header header;
  if (packet.truncated) {
    Drop("it sent a packet that is too long, or too many descriptors");
  } else if (!wire::DecodeHeader(packet.bytes, &header)) {
    Drop("it sent what is no message of this protocol and version");
  } else {
    Handle(header, packet.bytes);
  }
  return phase_ == Phase::kServing && header.type != wire::MessageType::kServerStats;
}

void Session::WatchSocket() {
  if (phase_ == Phase::kEnding) return;
  const bool reads =
      phase_ != Phase::kRetired && requests_.load() < state_.options.limits.requests_max;
  const bool writes = outbox_.state() == Outbox::State::kWaiting;
  const uint32_t events = (reads ? uint32_t{EPOLLIN} : 0) | (writes ? uint32_t{EPOLLOUT} : 0);
  if (events == watch_events_) return;
  watch_events_ = events;
  state_.loop.Change(watch_, events);
}

void Session::OnOutbox() {
  if (phase_ == Phase::kEnding) return;
  switch (outbox_.Drain()) {
    case Outbox::State::kGone:
      End(wire::GoodbyeReason::kDropped, "");
      break;
    case Outbox::State::kOverflown:
      Drop("it does not read what it is sent");
      break;
    default:
      WatchSocket();
  }
}

// Any thread.
void Session::NoteAnswered() {
  // Reading stops when there are as many as there may be.
  if (requests_.fetch_sub(1) < state_.options.limits.requests_max) return;
  state_.loop.Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self) self->WatchSocket();
  });
}

void Session::Retire(const std::string& text) {
  if (phase_ == Phase::kEnding) return;
  Answer(0, wire::Goodbye{wire::GoodbyeReason::kClosing, text});
  phase_ = Phase::kRetired;
  if (monitor_) monitor_->Retire();
  WatchSocket();
}

void Session::End(wire::GoodbyeReason goodbye, const std::string& reason) {
  if (phase_ == Phase::kEnding) return;
  // 1. Nothing is heard from here on, and little is said.
  if (reason.empty()) {
    state_.Log(LogLevel::kInfo, Name() + " is gone");
  } else {
    const bool is_wrong = goodbye == wire::GoodbyeReason::kDropped;
    if (is_wrong) state_.clients_dropped++;
    state_.Log(is_wrong ? LogLevel::kWarning : LogLevel::kInfo, Name() + " dropped: " + reason);
    if (phase_ != Phase::kRetired) Answer(0, wire::Goodbye{goodbye, reason});
  }
  phase_ = Phase::kEnding;
  outbox_.Close();
  state_.loop.Forget(watch_);
  state_.loop.CallOff(timer_);
  // The end is heard at once, whoever else keeps the socket.
  shutdown(socket_.get(), SHUT_RDWR);
  // 2. What may wait runs elsewhere: on the monitor, when it has come to its end, or on a job's
  // thread, where there is one.
  if (monitor_) {
    monitor_->Stop();
    return;
  }
  const auto self = shared_from_this();
  if (!ServerJobs().Run([self] { self->CleanUp(); }).ok()) CleanUp();
}

// On the monitor's thread or a job's. The loop's does not look at what is used here any more.
void Session::CleanUp() {
  if (monitor_) {
    for (const auto& client : monitor_->TakeAll()) DetachClient(client, false);
  }
  pins_.CloseAll();
  for (auto& [number, mapping] : mappings_) {
    Unsubscribe(*mapping.dataset->region, mapping.subscription);
    state_.ledger->Drop(MappingKey(id_, number));
    if (mapping.client) CountPastFaults(*mapping.dataset, *mapping.client);
    mapping.client.reset();
  }
  // Whoever takes over meanwhile finds a client that has hung up.
  state_.ledger->Drop(ClientKey(id_));
  HangUp(&socket_);
  unwanted_.clear();
  faults_.reset();
  state_.loop.Post([self = shared_from_this()] { self->state_.on_session_end(*self); });
}

void Session::Join() {
  if (!monitor_) return;
  monitor_->Join();
  monitor_.reset();
}

ClientFaultStats Session::FaultStatsOf(const ClientMapping& client) {
  const LatencyFigures latency = client.fault_latency();
  return {client.faults(), client.resident_faults(),
          {latency.count, latency.p50_us, latency.p99_us, latency.max_us}};
}

// Any thread.
void Session::CountPastFaults(Dataset& dataset, const ClientMapping& client) {
  dataset.past_faults.fetch_add(client.faults());
  dataset.past_resident_faults.fetch_add(client.resident_faults());
}

ClientStats Session::Stats() const {
  ClientStats stats;
  stats.client = id_;
  stats.pid = peer_.pid;
  stats.uid = peer_.uid;
  stats.gid = peer_.gid;
  if (phase_ == Phase::kEnding) return stats;
  stats.pinned_bytes = pins_.bytes();
  stats.faults_in_flight = load_ ? load_->waiting() : 0;
  stats.requests_in_flight = requests_.load();
  for (const auto& [number, mapping] : mappings_) {
    ClientMappingStats of;
    of.dataset = mapping.dataset->name;
    of.writable = mapping.entry.writable;
    of.pinned_bytes = pins_.bytes(number);
    if (mapping.client) {
      of.waiting = mapping.client->waiting();
      of.faults = FaultStatsOf(*mapping.client);
    }
    stats.mappings.push_back(std::move(of));
  }
  return stats;
}

}  // namespace umap
