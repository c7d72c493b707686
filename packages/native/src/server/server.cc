// See server.h: the socket, who is let in, what is taken over, and the end.
#include "server/server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "os/clock.h"
#include "server/server_state.h"
#include "server/session.h"

namespace umap {
namespace {

constexpr const char* kListenerKey = "listener";
// Connections that are accepted before clients have their turn.
constexpr int kAcceptedInARowMax = 16;
// Without descriptors for those who connect.
constexpr uint32_t kShortageMs = 100;

// Which file a path is; nothing where there is none.
std::pair<dev_t, ino_t> FileAt(const std::string& path) {
  struct stat file = {};
  lstat(path.c_str(), &file);
  return {file.st_dev, file.st_ino};
}

class ServerImpl final : public Server, public std::enable_shared_from_this<ServerImpl> {
 public:
  explicit ServerImpl(ServerOptions options) {
    state_.options = std::move(options);
    state_.ledger = state_.options.ledger ? state_.options.ledger : NullLedger();
    state_.packet_buffer.resize(wire::kPacketBytesMax);
    state_.stats = [this] { return StatsNow(); };
    state_.on_session_end = [this](Session& session) { OnSessionEnd(session); };
    state_.on_resumed = [this] { ReleasePinsIfResumed(); };
  }
  ~ServerImpl() override { CHECK(!running_.load()); }

  Status AddDataset(const DatasetOptions& options) override;
  Status Start() override;
  void Close(Callback done) override;
  ServerStats Stats() override;

 private:
  Status Listen();
  void AcceptAll();
  void Accept(UniqueFd socket);
  void Refuse(UniqueFd socket, const PeerCredentials& peer, const std::string& reason);
  bool IsAllowedSomething(const PeerCredentials& peer) const;
  void TakeClientsOver();
  void TakeClientOver(LedgerEntry& entry, const std::shared_ptr<void>& hold);
  Status ReadMappings(uint64_t client, const PeerCredentials& peer,
                      std::map<uint32_t, MappingEntry>* mappings);
  std::shared_ptr<Session> NewSession(uint64_t id, UniqueFd socket, PeerCredentials peer);
  void OnSessionEnd(Session& session);
  void ReleasePinsIfResumed();
  ServerStats StatsNow() const;
  Status CloseNow();
  void StopListening();

  ServerState state_;
  std::atomic<bool> running_{false};
  int64_t started_ns_ = 0;

  // The loop's thread from the start on.
  UniqueFd listener_;
  std::pair<dev_t, ino_t> socket_file_;
  uint64_t listener_watch_ = 0;
  std::map<uint64_t, std::shared_ptr<Session>> sessions_;
  uint64_t next_client_ = 1;
  uint64_t connections_ = 0;
  // Of a dead server; nobody has taken them back yet.
  bool has_inherited_pins_ = false;
  // As many as there are sessions, for whoever waits for their end.
  std::atomic<uint32_t> session_count_{0};
};

Status ServerImpl::AddDataset(const DatasetOptions& options) {
  CHECK(!running_.load());
  std::unique_ptr<Dataset> dataset;
  const Status status = MakeDataset(options, &dataset);
  if (!status.ok()) return status;
  if (!state_.datasets.emplace(options.name, std::move(dataset)).second) {
    return Status::Fail(EEXIST, "there are two data sets " + Quoted(options.name));
  }
  return Status::Ok();
}

Status ServerImpl::Start() {
  CHECK(!running_.load());
  started_ns_ = NowNs();
  state_.generation = state_.ledger->generation();
  Status status = Listen();
  if (status.ok()) status = state_.loop.Start("umap-server");
  if (!status.ok()) {
    StopListening();
    return status;
  }
  running_.store(true);
  state_.loop.RunAndWait([this] {
    TakeClientsOver();
    listener_watch_ =
        state_.loop.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { AcceptAll(); });
    CHECK(listener_watch_ != 0);
  });
  return Status::Ok();
}

Status ServerImpl::Listen() {
  const std::string& path = state_.options.socket_path;
  LedgerEntry kept;
  if (state_.ledger->TakeOne(kListenerKey, &kept) && kept.fds.size() == 1) {
    listener_ = std::move(kept.fds[0]);
    socket_file_ = FileAt(path);
    return Status::Ok();
  }
  Status status = ListenUnix(path, state_.options.socket_mode, &listener_);
  if (!status.ok()) return status;
  socket_file_ = FileAt(path);
  const int fd = listener_.get();
  return state_.ledger->Put(kListenerKey, {}, std::span(&fd, 1));
}

void ServerImpl::StopListening() {
  if (!listener_) return;
  if (listener_watch_ != 0) state_.loop.Forget(listener_watch_);
  listener_watch_ = 0;
  listener_.Reset();
  // Another server's is none of our business.
  const std::string& path = state_.options.socket_path;
  if (FileAt(path) == socket_file_) unlink(path.c_str());
  state_.ledger->Drop(kListenerKey);
}

void ServerImpl::AcceptAll() {
  for (int i = 0; i < kAcceptedInARowMax; i++) {
    UniqueFd socket;
    int error = 0;
    if (AcceptUnix(listener_.get(), &socket, &error) == SocketOutcome::kDone) {
      Accept(std::move(socket));
      continue;
    }
    if (error == 0) return;
    state_.Log(LogLevel::kError, SystemError(error, "letting a client in").message);
    state_.loop.Change(listener_watch_, 0);
    state_.loop.After(kShortageMs, [this] {
      if (listener_watch_ != 0) state_.loop.Change(listener_watch_, EPOLLIN);
    });
    return;
  }
}

void ServerImpl::Accept(UniqueFd socket) {
  connections_++;
  PeerCredentials peer;
  const Status status = PeerOf(socket.get(), &peer);
  const uint32_t clients_max = state_.options.limits.clients_max;
  if (!status.ok()) return Refuse(std::move(socket), peer, status.message);
  if (!IsAllowedSomething(peer)) {
    return Refuse(std::move(socket), peer, "its user may use no data set");
  }
  if (sessions_.size() >= clients_max) {
    return Refuse(std::move(socket), peer,
                  "there are " + std::to_string(clients_max) + " clients already");
  }
  const auto session = NewSession(next_client_++, std::move(socket), std::move(peer));
  const Status begun = session->Begin();
  if (!begun.ok()) session->Drop(begun.message);
}

bool ServerImpl::IsAllowedSomething(const PeerCredentials& peer) const {
  if (peer.uid == 0 || peer.uid == geteuid()) return true;
  return std::any_of(state_.datasets.begin(), state_.datasets.end(), [&](const auto& named) {
    return AllowedAccess(named.second->allow, peer).has_value();
  });
}

void ServerImpl::Refuse(UniqueFd socket, const PeerCredentials& peer, const std::string& reason) {
  state_.clients_dropped++;
  state_.Log(LogLevel::kWarning, "refused a client (pid " + std::to_string(peer.pid) + ", uid " +
                                     std::to_string(peer.uid) + "): " + reason);
  const wire::Goodbye goodbye = {wire::GoodbyeReason::kRefused, reason};
  SendPacket(socket.get(), wire::Encode(0, state_.generation, goodbye), {});
  // What it has sent already may take its time to be closed.
  const auto doomed = std::make_shared<UniqueFd>(std::move(socket));
  if (!ServerJobs().Run([doomed] { HangUp(doomed.get()); }).ok()) HangUp(doomed.get());
}

std::shared_ptr<Session> ServerImpl::NewSession(uint64_t id, UniqueFd socket,
                                                PeerCredentials peer) {
  auto session = std::make_shared<Session>(state_, id, std::move(socket), std::move(peer));
  sessions_.emplace(id, session);
  session_count_.fetch_add(1);
  return session;
}

void ServerImpl::OnSessionEnd(Session& session) {
  session.Join();
  sessions_.erase(session.id());
  ReleasePinsIfResumed();
  if (session_count_.fetch_sub(1) == 1) FutexWakeAll(session_count_);
}

// What the last server kept: its clients, with their mappings.
void ServerImpl::TakeClientsOver() {
  // Released when no client's mapping is left that we do not know of yet.
  const std::shared_ptr<void> hold(nullptr, [this](void*) {
    for (const auto& [name, dataset] : state_.datasets) EndTakeOver(dataset->region);
  });
  std::vector<LedgerEntry> clients = state_.ledger->Take("client/");
  has_inherited_pins_ = state_.generation > 1;
  for (LedgerEntry& entry : clients) TakeClientOver(entry, hold);
  if (!clients.empty()) {
    state_.Log(LogLevel::kWarning, "took " + std::to_string(sessions_.size()) +
                                       " clients over from a server that died");
  }
  ReleasePinsIfResumed();
}

void ServerImpl::TakeClientOver(LedgerEntry& entry, const std::shared_ptr<void>& hold) {
  const auto id = NumberIn(entry.key);
  PeerCredentials peer;
  if (!id || entry.fds.size() != 2 || !PeerOf(entry.fds[0].get(), &peer).ok()) {
    state_.ledger->Drop(entry.key);
    return;
  }
  next_client_ = std::max(next_client_, *id + 1);
  std::map<uint32_t, MappingEntry> mappings;
  Status status = ReadMappings(*id, peer, &mappings);
  const auto session = NewSession(*id, std::move(entry.fds[0]), std::move(peer));
  if (status.ok()) status = session->TakeOver(std::move(entry.fds[1]), mappings, hold);
  if (!status.ok()) session->Drop("it cannot be taken over: " + status.message);
}

Status ServerImpl::ReadMappings(uint64_t client, const PeerCredentials& peer,
                                std::map<uint32_t, MappingEntry>* mappings) {
  Status status;
  for (const LedgerEntry& kept : state_.ledger->Take(MappingKeys(client))) {
    MappingEntry entry;
    const auto number = NumberIn(kept.key);
    if (!number || !ReadMappingEntry(kept.bytes, &entry)) {
      status = Status::Fail(EINVAL, "what was kept of its mappings makes no sense");
      state_.ledger->Drop(kept.key);
      continue;
    }
    const auto found = state_.datasets.find(entry.dataset);
    if (found == state_.datasets.end()) {
      status = Status::Fail(ENOENT, "there is no data set " + Quoted(entry.dataset) + " any more");
      state_.ledger->Drop(kept.key);
      continue;
    }
    const auto access = AllowedAccess(found->second->allow, peer);
    const bool may_write = found->second->writable && access == wire::Access::kReadWrite;
    if (!access || (entry.writable && !may_write)) {
      status = Status::Fail(EACCES, "it may not use the data set " + Quoted(entry.dataset) +
                                        " as it did");
    }
    mappings->emplace(static_cast<uint32_t>(*number), entry);
  }
  return status;
}

void ServerImpl::ReleasePinsIfResumed() {
  if (!has_inherited_pins_) return;
  for (const auto& [id, session] : sessions_) {
    if (session->resumes()) return;
  }
  has_inherited_pins_ = false;
  for (const auto& [name, dataset] : state_.datasets) ReleaseInheritedPins(dataset->region);
}

ServerStats ServerImpl::Stats() {
  ServerStats stats;
  if (running_.load()) state_.loop.RunAndWait([&] { stats = StatsNow(); });
  return stats;
}

ServerStats ServerImpl::StatsNow() const {
  ServerStats stats;
  stats.generation = state_.generation;
  stats.uptime_ms = static_cast<uint64_t>((NowNs() - started_ns_) / 1'000'000);
  stats.connections = connections_;
  stats.clients_dropped = state_.clients_dropped;
  if (state_.options.buffer) stats.buffer = StatsOf(*state_.options.buffer);
  std::map<std::string, size_t> places;
  for (const auto& [name, dataset] : state_.datasets) {
    places[name] = stats.datasets.size();
    DatasetStats of;
    of.name = name;
    of.writable = dataset->writable;
    of.byte_length = dataset->byte_length;
    of.page_bytes = dataset->page_bytes;
    of.region = StatsOf(*dataset->region);
    of.clients.faults = dataset->past_faults.load();
    of.clients.resident_faults = dataset->past_resident_faults.load();
    of.clients.latency = of.region.fault_latency;
    stats.datasets.push_back(std::move(of));
  }
  for (const auto& [id, session] : sessions_) {
    stats.clients.push_back(session->Stats());
    for (const ClientMappingStats& mapping : stats.clients.back().mappings) {
      DatasetStats& of = stats.datasets[places[mapping.dataset]];
      of.mappings++;
      of.clients.faults += mapping.faults.faults;
      of.clients.resident_faults += mapping.faults.resident_faults;
    }
  }
  return stats;
}

void ServerImpl::Close(Callback done) {
  const auto close = [self = shared_from_this(), done] { done(self->CloseNow()); };
  if (!ServerJobs().Run(close).ok()) close();
}

Status ServerImpl::CloseNow() {
  if (!running_.load()) return Status::Ok();
  // 1. Nobody comes in, and nobody's faults are answered, so that no write comes after the flush.
  state_.loop.RunAndWait([this] {
    StopListening();
    for (const auto& [id, session] : sessions_) session->Retire("the server is closing");
  });
  // 2. What clients wrote, while they can still be kept from writing more.
  Status first_failure;
  for (const auto& [name, dataset] : state_.datasets) {
    const Status status = FlushAndWait(*dataset);
    if (first_failure.ok()) first_failure = status;
  }
  // 3. Their ends.
  state_.loop.RunAndWait([this] {
    for (const auto& [id, session] : sessions_) session->End(wire::GoodbyeReason::kClosing, "");
  });
  for (uint32_t left = session_count_.load(); left > 0; left = session_count_.load()) {
    FutexWait(session_count_, left);
  }
  // 4. What they had asked for.
  state_.AwaitOperations();
  running_.store(false);
  state_.loop.Stop();
  state_.datasets.clear();
  ServerJobs().Stop();
  return first_failure;
}

}  // namespace

JobRunner& ServerJobs() {
  static JobRunner& jobs = *new JobRunner();
  return jobs;
}

std::shared_ptr<Server> Server::Create(ServerOptions options) {
  return std::make_shared<ServerImpl>(std::move(options));
}

}  // namespace umap
