// See message.h. The fields of a message are listed once, and walked by a writer or a reader, so
// that the two cannot differ.
#include "wire/message.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <string>

#include "os/check.h"

namespace umap::wire {
namespace {

class Writer {
 public:
  explicit Writer(Bytes& bytes) : bytes_(bytes) {}

  template <std::unsigned_integral T>
  void operator()(T value) {
    for (size_t i = 0; i < sizeof value; i++) {
      bytes_.push_back(static_cast<uint8_t>(uint64_t{value} >> (8 * i)));
    }
  }
  void operator()(bool value) { (*this)(static_cast<uint8_t>(value)); }
  void operator()(int32_t value) { (*this)(static_cast<uint32_t>(value)); }
  void operator()(double value) { (*this)(std::bit_cast<uint64_t>(value)); }
  template <typename E>
    requires std::is_enum_v<E>
  void Enum(E value, E) {
    (*this)(static_cast<std::underlying_type_t<E>>(value));
  }
  void Text(const std::string& text, size_t bytes_max) {
    const size_t bytes = std::min(text.size(), bytes_max);
    (*this)(static_cast<uint32_t>(bytes));
    bytes_.insert(bytes_.end(), text.begin(), text.begin() + static_cast<ptrdiff_t>(bytes));
  }
  // All of it or nothing: half of a document says nothing.
  void Document(const std::string& text, size_t bytes_max) {
    Text(text.size() > bytes_max ? std::string() : text, bytes_max);
  }
  template <typename T, typename Each>
  void List(const std::vector<T>& items, size_t count_max, Each each) {
    CHECK(items.size() <= count_max);
    (*this)(static_cast<uint32_t>(items.size()));
    for (const T& item : items) each(*this, item);
  }

 private:
  Bytes& bytes_;
};

// Once something did not fit, everything is refused.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool AtEnd() const { return good_ && bytes_.empty(); }

  template <std::unsigned_integral T>
  void operator()(T& value) {
    uint64_t whole = 0;
    const std::span<const uint8_t> part = Take(sizeof value);
    for (size_t i = 0; i < part.size(); i++) whole |= uint64_t{part[i]} << (8 * i);
    value = static_cast<T>(whole);
  }
  void operator()(bool& value) {
    uint8_t byte = 0;
    (*this)(byte);
    good_ = good_ && byte <= 1;
    value = byte == 1;
  }
  void operator()(int32_t& value) {
    uint32_t bits = 0;
    (*this)(bits);
    value = static_cast<int32_t>(bits);
  }
  void operator()(double& value) {
    uint64_t bits = 0;
    (*this)(bits);
    value = std::bit_cast<double>(bits);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void Enum(E& value, E last) {
    std::underlying_type_t<E> bits = 0;
    (*this)(bits);
    good_ = good_ && bits <= static_cast<std::underlying_type_t<E>>(last);
    value = static_cast<E>(bits);
  }
  void Text(std::string& text, size_t bytes_max) {
    const std::span<const uint8_t> part = Take(Count(bytes_max));
    text.assign(part.begin(), part.end());
  }
  void Document(std::string& text, size_t bytes_max) { Text(text, bytes_max); }
  template <typename T, typename Each>
  void List(std::vector<T>& items, size_t count_max, Each each) {
    const uint32_t count = Count(count_max);
    items.clear();
    for (uint32_t i = 0; i < count && good_; i++) each(*this, items.emplace_back());
  }

 private:
  uint32_t Count(size_t max) {
    uint32_t count = 0;
    (*this)(count);
    good_ = good_ && count <= max;
    return good_ ? count : 0;
  }
  std::span<const uint8_t> Take(size_t count) {
    good_ = good_ && count <= bytes_.size();
    if (!good_) return {};
    const std::span<const uint8_t> part = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return part;
  }

  std::span<const uint8_t> bytes_;
  bool good_ = true;
};

// M is the message, const for a writer.
template <typename M, typename Message>
concept Is = std::same_as<std::remove_const_t<M>, Message>;

template <typename Codec, typename M>
  requires std::is_empty_v<M>
void Fields(Codec&, M&) {}

template <typename Codec, Is<Header> M>
void Fields(Codec& codec, M& header) {
  codec(header.magic);
  codec(header.version);
  codec.Enum(header.type, static_cast<MessageType>(UINT16_MAX));
  codec(header.request);
  codec(header.generation);
}

template <typename Codec, Is<Range> M>
void Fields(Codec& codec, M& range) {
  codec(range.offset);
  codec(range.byte_length);
}

template <typename Codec, Is<Outcome> M>
void Fields(Codec& codec, M& outcome) {
  codec(outcome.error);
  codec(outcome.retryable);
  codec.Text(outcome.message, kTextBytesMax);
  codec.Document(outcome.detail, kDetailBytesMax);
}

template <typename Codec, Is<Latency> M>
void Fields(Codec& codec, M& latency) {
  codec(latency.count);
  codec(latency.p50_us);
  codec(latency.p99_us);
  codec(latency.max_us);
}

template <typename Codec, Is<Hello> M>
void Fields(Codec& codec, M& hello) {
  codec(hello.flags);
}

template <typename Codec, Is<Map> M>
void Fields(Codec& codec, M& map) {
  codec.Enum(map.access, Access::kReadWrite);
  codec.Text(map.name, kNameBytesMax);
}

template <typename Codec, Is<Attach> M>
void Fields(Codec& codec, M& attach) {
  codec(attach.mapping);
  codec(attach.address);
}

template <typename Codec, typename M>
  requires Is<M, Detach> || Is<M, RegionStats>
void Fields(Codec& codec, M& message) {
  codec(message.mapping);
}

template <typename Codec, Is<Prefault> M>
void Fields(Codec& codec, M& prefault) {
  codec(prefault.mapping);
  codec.List(prefault.ranges, kRangesMax, [](Codec& c, auto& range) { Fields(c, range); });
}

template <typename Codec, typename M>
  requires Is<M, Flush> || Is<M, Evict> || Is<M, Discard> || Is<M, Pin> || Is<M, Unpin>
void Fields(Codec& codec, M& request) {
  codec(request.mapping);
  Fields(codec, request.range);
}

template <typename Codec, Is<Welcome> M>
void Fields(Codec& codec, M& welcome) {
  codec(welcome.generation);
  codec(welcome.limits.mappings_max);
  codec(welcome.limits.requests_max);
  codec(welcome.limits.faults_in_flight_max);
  codec(welcome.limits.pinned_bytes_max);
}

template <typename Codec, Is<Mapped> M>
void Fields(Codec& codec, M& mapped) {
  codec(mapped.mapping);
  codec(mapped.byte_length);
  codec(mapped.page_bytes);
  codec(mapped.writable);
}

template <typename Codec, Is<Done> M>
void Fields(Codec& codec, M& done) {
  Fields(codec, done.outcome);
}

template <typename Codec, Is<RegionStatsReply> M>
void Fields(Codec& codec, M& stats) {
  codec(stats.faults);
  codec(stats.fills);
  codec(stats.fill_bytes);
  codec(stats.evictions);
  codec(stats.standby_hits);
  codec(stats.write_protect_faults);
  codec(stats.write_backs);
  codec(stats.write_back_bytes);
  codec(stats.resident_bytes);
  codec(stats.dirty_bytes);
  codec(stats.pinned_bytes);
  codec(stats.read_ahead_bytes);
  codec(stats.read_ahead_used_bytes);
  codec(stats.store_errors);
  Fields(codec, stats.fault_latency);
  Fields(codec, stats.fill_latency);
}

template <typename Codec, Is<Restarted> M>
void Fields(Codec& codec, M& restarted) {
  codec(restarted.generation);
}

template <typename Codec, Is<Event> M>
void Fields(Codec& codec, M& event) {
  codec(event.mapping);
  codec(event.kind);
  Fields(codec, event.range);
  codec(event.budget_bytes);
  Fields(codec, event.outcome);
}

template <typename Codec, Is<Failed> M>
void Fields(Codec& codec, M& failed) {
  codec(failed.mapping);
  Fields(codec, failed.range);
  Fields(codec, failed.outcome);
}

template <typename Codec, Is<Goodbye> M>
void Fields(Codec& codec, M& goodbye) {
  codec.Enum(goodbye.reason, GoodbyeReason::kDropped);
  codec.Text(goodbye.text, kTextBytesMax);
}

}  // namespace

template <typename Message>
Bytes Encode(uint32_t request, uint32_t generation, const Message& message) {
  Bytes bytes;
  bytes.reserve(128);
  Writer writer(bytes);
  Header header;
  header.type = Message::kType;
  header.request = request;
  header.generation = generation;
  Fields(writer, header);
  Fields(writer, message);
  CHECK(bytes.size() <= kPacketBytesMax);
  return bytes;
}

bool DecodeHeader(std::span<const uint8_t> packet, Header* header) {
  if (packet.size() < kHeaderBytes) return false;
  Reader reader(packet.first(kHeaderBytes));
  Fields(reader, *header);
  return header->magic == kMagic && header->version == kVersion;
}

template <typename Message>
bool Decode(std::span<const uint8_t> packet, Message* message) {
  Reader reader(packet.subspan(kHeaderBytes));
  Fields(reader, *message);
  return reader.AtEnd();
}

#define UMAP_MESSAGE(Message)                                              \
  template Bytes Encode<Message>(uint32_t, uint32_t, const Message&);      \
  template bool Decode<Message>(std::span<const uint8_t>, Message*);
UMAP_MESSAGE(Hello)
UMAP_MESSAGE(Map)
UMAP_MESSAGE(Attach)
UMAP_MESSAGE(Detach)
UMAP_MESSAGE(Prefault)
UMAP_MESSAGE(Flush)
UMAP_MESSAGE(Evict)
UMAP_MESSAGE(Discard)
UMAP_MESSAGE(Pin)
UMAP_MESSAGE(Unpin)
UMAP_MESSAGE(RegionStats)
UMAP_MESSAGE(ServerStats)
UMAP_MESSAGE(Ping)
UMAP_MESSAGE(Resumed)
UMAP_MESSAGE(Welcome)
UMAP_MESSAGE(Mapped)
UMAP_MESSAGE(Done)
UMAP_MESSAGE(RegionStatsReply)
UMAP_MESSAGE(StatsReply)
UMAP_MESSAGE(Pong)
UMAP_MESSAGE(Restarted)
UMAP_MESSAGE(Event)
UMAP_MESSAGE(Failed)
UMAP_MESSAGE(Goodbye)
#undef UMAP_MESSAGE

const char* NameOf(MessageType type) {
  switch (type) {
    case MessageType::kHello: return "hello";
    case MessageType::kMap: return "map";
    case MessageType::kAttach: return "attach";
    case MessageType::kDetach: return "detach";
    case MessageType::kPrefault: return "prefault";
    case MessageType::kFlush: return "flush";
    case MessageType::kEvict: return "evict";
    case MessageType::kDiscard: return "discard";
    case MessageType::kPin: return "pin";
    case MessageType::kUnpin: return "unpin";
    case MessageType::kRegionStats: return "region stats";
    case MessageType::kServerStats: return "server stats";
    case MessageType::kPing: return "ping";
    case MessageType::kResumed: return "resumed";
    case MessageType::kWelcome: return "welcome";
    case MessageType::kMapped: return "mapped";
    case MessageType::kDone: return "done";
    case MessageType::kRegionStatsReply: return "region stats reply";
    case MessageType::kStatsReply: return "stats reply";
    case MessageType::kPong: return "pong";
    case MessageType::kRestarted: return "restarted";
    case MessageType::kEvent: return "event";
    case MessageType::kFailed: return "failed";
    case MessageType::kGoodbye: return "goodbye";
  }
  return "unknown";
}

Outcome OutcomeOf(const Status& status) {
  return {status.error, status.retryable, status.message, status.detail};
}

Status StatusOf(const Outcome& outcome) {
  return {outcome.error, outcome.retryable, outcome.message, outcome.detail};
}

}  // namespace umap::wire
