// What a server and its clients say to each other: every message as a plain struct, with its limits
// and its number. The bytes are written down in docs/server-protocol.md. No behaviour, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace umap::wire {

// "UMAP", as the first bytes of every packet.
constexpr uint32_t kMagic = 0x50414d55;
constexpr uint16_t kVersion = 1;

// A packet is one message. What is longer, of whatever kind, is no message.
constexpr size_t kPacketBytesMax = 64 << 10;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kTextBytesMax = 4 << 10;
constexpr size_t kDetailBytesMax = 32 << 10;
constexpr size_t kRangesMax = 1024;
// No message carries more descriptors.
constexpr size_t kDescriptorsMax = 1;

enum class MessageType : uint16_t {
  // Client to server.
  kHello = 1,
  kMap = 2,
  kAttach = 3,
  kDetach = 4,
  kPrefault = 5,
  kFlush = 6,
  kEvict = 7,
  kDiscard = 8,
  kPin = 9,
  kUnpin = 10,
  kRegionStats = 11,
  kServerStats = 12,
  kPing = 13,
  kResumed = 14,
  // Server to client: answers.
  kWelcome = 101,
  kMapped = 102,
  kDone = 103,
  kRegionStatsReply = 104,
  kStatsReply = 105,
  kPong = 106,
  // Server to client: notices, whose request number is 0.
  kRestarted = 201,
  kEvent = 202,
  kFailed = 203,
  kGoodbye = 204,
};

struct Header {
  uint32_t magic = kMagic;
  uint16_t version = kVersion;
  MessageType type = MessageType::kPing;
  // The client's number of a request, which its answer repeats; 0 for a notice.
  uint32_t request = 0;
  // Of a request: the generation of the server that the client believes in; those of older ones
  // are ignored. Of an answer or notice: the server's own.
  uint32_t generation = 0;
};
constexpr size_t kHeaderBytes = 16;

// First message of a client, with generation 0. A client of `kStatOnly` maps nothing, and any other
// hands its userfaultfd over with it.
struct Hello {
  static constexpr MessageType kType = MessageType::kHello;
  static constexpr uint32_t kStatOnly = 1;
  uint32_t flags = 0;
};

enum class Access : uint8_t { kReadOnly = 0, kReadWrite = 1 };

struct Map {
  static constexpr MessageType kType = MessageType::kMap;
  Access access = Access::kReadOnly;
  // Of the data set.
  std::string name;
};

// The client has mapped the memory at `address`; it may touch it once this is answered.
struct Attach {
  static constexpr MessageType kType = MessageType::kAttach;
  uint32_t mapping = 0;
  uint64_t address = 0;
};

// The client unmaps once this is answered.
struct Detach {
  static constexpr MessageType kType = MessageType::kDetach;
  uint32_t mapping = 0;
};

struct Range {
  uint64_t offset = 0;
  uint64_t byte_length = 0;
};

struct Prefault {
  static constexpr MessageType kType = MessageType::kPrefault;
  uint32_t mapping = 0;
  std::vector<Range> ranges;
};

// Operations on one range of a mapping.
template <MessageType type>
struct RangeRequest {
  static constexpr MessageType kType = type;
  uint32_t mapping = 0;
  Range range;
};
using Flush = RangeRequest<MessageType::kFlush>;
using Evict = RangeRequest<MessageType::kEvict>;
using Discard = RangeRequest<MessageType::kDiscard>;
using Pin = RangeRequest<MessageType::kPin>;
using Unpin = RangeRequest<MessageType::kUnpin>;

struct RegionStats {
  static constexpr MessageType kType = MessageType::kRegionStats;
  uint32_t mapping = 0;
};

// Messages without a body.
template <MessageType type>
struct Bare {
  static constexpr MessageType kType = type;
};
using ServerStats = Bare<MessageType::kServerStats>;
using Ping = Bare<MessageType::kPing>;
// The client has sent its pins again: what is pinned by nobody now may go.
using Resumed = Bare<MessageType::kResumed>;
using Pong = Bare<MessageType::kPong>;
// Carries a sealed memfd with the statistics as JSON.
using StatsReply = Bare<MessageType::kStatsReply>;

// What one client may have at a time.
struct Limits {
  uint32_t mappings_max = 0;
  // Requests without an answer.
  uint32_t requests_max = 0;
  uint32_t faults_in_flight_max = 0;
  uint64_t pinned_bytes_max = 0;
};

// Answer to Hello.
struct Welcome {
  static constexpr MessageType kType = MessageType::kWelcome;
  uint32_t generation = 0;
  Limits limits;
};

// Answer to Map, with the memfd of the data set's pages, opened for reading only where it is not
// writable.
struct Mapped {
  static constexpr MessageType kType = MessageType::kMapped;
  uint32_t mapping = 0;
  // Of the data set; the memfd is that, rounded up to whole pages.
  uint64_t byte_length = 0;
  uint64_t page_bytes = 0;
  bool writable = false;
};

// How an operation ended; as os/status.h has it.
struct Outcome {
  int32_t error = 0;
  bool retryable = false;
  std::string message;
  std::string detail;
};

// Answer to Attach, Detach and the operations; and to Map and statistics where they failed.
struct Done {
  static constexpr MessageType kType = MessageType::kDone;
  Outcome outcome;
};

struct Latency {
  uint64_t count = 0;
  double p50_us = 0, p99_us = 0, max_us = 0;
};

// Faults, their latency and pinned bytes are those of the asking mapping, the rest is the data
// set's.
struct RegionStatsReply {
  static constexpr MessageType kType = MessageType::kRegionStatsReply;
  uint64_t faults = 0, fills = 0, fill_bytes = 0, evictions = 0;
  uint64_t standby_hits = 0;
  uint64_t write_protect_faults = 0;
  uint64_t write_backs = 0, write_back_bytes = 0;
  uint64_t resident_bytes = 0, dirty_bytes = 0, pinned_bytes = 0;
  uint64_t read_ahead_bytes = 0, read_ahead_used_bytes = 0;
  uint64_t store_errors = 0;
  Latency fault_latency, fill_latency;
};

// A new server has taken over: pins, then Resumed, then the unanswered requests are to be sent
// again, with this generation.
struct Restarted {
  static constexpr MessageType kType = MessageType::kRestarted;
  uint32_t generation = 0;
};

// Something that the data set's region tells its subscribers; `kind` is page/events.h's.
struct Event {
  static constexpr MessageType kType = MessageType::kEvent;
  uint32_t mapping = 0;
  uint8_t kind = 0;
  Range range;
  uint64_t budget_bytes = 0;
  Outcome outcome;
};

// The pages of a range cannot be filled, and a thread of the client waits for one of them: the
// client poisons them.
struct Failed {
  static constexpr MessageType kType = MessageType::kFailed;
  uint32_t mapping = 0;
  Range range;
  Outcome outcome;
};

enum class GoodbyeReason : uint8_t {
  // The server ends, in order.
  kClosing = 0,
  // It does not take this client.
  kRefused = 1,
  // The client has broken a rule.
  kDropped = 2,
};

// Last message on a connection.
struct Goodbye {
  static constexpr MessageType kType = MessageType::kGoodbye;
  GoodbyeReason reason = GoodbyeReason::kClosing;
  std::string text;
};

}  // namespace umap::wire
