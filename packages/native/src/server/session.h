// One client of a server: its connection, its mappings, its requests, and the end of all that. What
// it sends is checked here, and it is dropped for the first thing that makes no sense. Everything
// belongs to the loop's thread where it does not say otherwise.
//
//   greeting ─hello─► serving ─Retire─► retired
//      └─────────────────┴────End──────────┴────► ending ─► ended
//
// Retired: it was told goodbye, and its mappings are there still, so that what it wrote can be
// written back. Ending: its monitor, or a job, takes back what it had.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/shared_region.h"
#include "os/unix_socket.h"
#include "server/fault_monitor.h"
#include "server/outbox.h"
#include "server/server_state.h"
#include "server/session_entries.h"
#include "server/session_pins.h"
#include "wire/message.h"

namespace umap {

class Session : public std::enable_shared_from_this<Session> {
 public:
  // `socket` is connected and does not block. The state outlives the session.
  Session(ServerState& state, uint64_t id, UniqueFd socket, PeerCredentials peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A client that has just connected.
  Status Begin();
  // One of the server before, with the mappings that it had there, all of them of data sets that
  // it may still use so. `hold` is let go of when they can be written back. After a failure the
  // caller ends the session.
  Status TakeOver(UniqueFd faults, const std::map<uint32_t, MappingEntry>& mappings,
                  std::shared_ptr<void> hold);

  void Retire(const std::string& text);
  // Quietly, where `reason` is empty.
  void End(wire::GoodbyeReason goodbye, const std::string& reason);
  // The client has broken a rule, or cannot be served.
  void Drop(const std::string& reason) { End(wire::GoodbyeReason::kDropped, reason); }
  // After state.on_session_end.
  void Join();

  uint64_t id() const { return id_; }
  const PeerCredentials& peer() const { return peer_; }
  // A client of the server before that has not said kResumed yet.
  bool resumes() const { return resumes_; }
  ClientStats Stats() const;

 private:
  enum class Phase : uint8_t { kGreeting, kServing, kRetired, kEnding };

  struct Mapping {
    Dataset* dataset = nullptr;
    // Its address is there from the client's kAttach on.
    MappingEntry entry;
    // Where it is attached, for the statistics.
    std::shared_ptr<ClientMapping> client;
    // To the region's events.
    uint64_t subscription = 0;
  };

  // An operation under way, whose answer may be sent from any thread.
  class Request;

  // Packets, and the end (session.cc).

  void OnSocket(uint32_t events);
  // False: that was the last one for now.
  bool ReceiveOne();
  void WatchSocket();
  void OnOutbox();
  void NoteAnswered();
  void DropSoon(const std::string& reason);
  void CleanUp();
  std::string Name() const;
  static ClientFaultStats FaultStatsOf(const ClientMapping& client);
  static void CountPastFaults(Dataset& dataset, const ClientMapping& client);

  // Requests (session_requests.cc). What is not what its header says ends the session.

  template <typename Message>
  bool Read(std::span<const uint8_t> packet, Message* message);
  // Any thread.
  template <typename Message>
  void Answer(uint32_t request, const Message& message, UniqueFd fd = UniqueFd());
  void AnswerDone(uint32_t request, const Status& status);

  void Handle(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleHello(const wire::Header& header, std::span<const uint8_t> packet);
  void HandlePrefault(const wire::Header& header, std::span<const uint8_t> packet);
  template <typename Message>
  void HandleOnRange(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleRegionStats(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleServerStats(const wire::Header& header, std::span<const uint8_t> packet);
  void HandlePing(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleResumed(std::span<const uint8_t> packet);

  // Null, false: the session has ended.
  Mapping* FindMapping(uint32_t number);
  bool IsInside(const Mapping& mapping, const wire::Range& range);
  void StartPin(const std::shared_ptr<Request>& request, uint32_t number, ByteRange range);
  void StartUnpin(const std::shared_ptr<Request>& request, uint32_t number, ByteRange range);
  // Maps what is resident of the ranges into the client, then answers with the status.
  static void MapIn(const std::shared_ptr<Request>& request,
                    const std::shared_ptr<FaultMonitor>& monitor, uint32_t number,
                    const std::vector<ByteRange>& ranges, const Status& status);

  // Mappings (session_mappings.cc).

  void HandleMap(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleAttach(const wire::Header& header, std::span<const uint8_t> packet);
  void HandleDetach(const wire::Header& header, std::span<const uint8_t> packet);
  Status NewMapping(const std::string& name, bool writable, uint32_t request, uint32_t* number);
  void AddMapping(uint32_t number, Dataset& dataset, const MappingEntry& entry);
  Status StartMonitor();
  Status AttachNow(uint32_t number, const Dataset& dataset, const MappingEntry& entry,
                   bool taken_over);
  Status PutMapping(uint32_t number, const MappingEntry& entry);
  void NoteMoved(uint32_t number, uint64_t address);

  ServerState& state_;
  const uint64_t id_;
  const PeerCredentials peer_;
  UniqueFd socket_;
  Outbox outbox_;
  uint64_t watch_ = 0;
  uint32_t watch_events_ = 0;
  // For its hello, or for its kResumed.
  uint64_t timer_ = 0;
  Phase phase_ = Phase::kGreeting;
  bool taken_over_ = false;
  bool resumes_ = false;
  // A client of the server before, which maybe never had its answer.
  bool may_greet_again_ = false;
  // What came with a packet and is not wanted: closing it may take its time.
  std::vector<UniqueFd> unwanted_;

  std::shared_ptr<const ClientUserfaultfd> faults_;
  std::shared_ptr<ClientLoad> load_;
  std::shared_ptr<FaultMonitor> monitor_;
  std::map<uint32_t, Mapping> mappings_;
  uint32_t next_mapping_;
  SessionPins pins_;

  // Any thread.
  std::atomic<uint32_t> requests_{0};
};

}  // namespace umap
