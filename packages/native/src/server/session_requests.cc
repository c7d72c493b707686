// See session.h: what a client asks for, save mappings.
#include <errno.h>
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "server/session.h"
#include "server/session_request.h"

namespace umap {
namespace {

// Of a range that is mapped into a client between two looks for its faults.
constexpr uint64_t kSliceBytes = 1 << 20;

ByteRange RangeOf(const wire::Range& range) { return {range.offset, range.byte_length}; }

void Start(wire::MessageType type, const std::shared_ptr<Region>& region, ByteRange range,
           Callback done) {
  switch (type) {
    case wire::MessageType::kFlush: Flush(region, range, std::move(done)); break;
    case wire::MessageType::kEvict: Evict(region, range, std::move(done)); break;
    case wire::MessageType::kDiscard: Discard(region, range, std::move(done)); break;
    default: CHECK(false);
  }
}

wire::Latency LatencyOf(const LatencySummary& summary) {
  return {summary.count, summary.p50_us, summary.p99_us, summary.max_us};
}

}  // namespace

template <typename Message>
bool Session::Read(std::span<const uint8_t> packet, Message* message) {
  if (wire::Decode(packet, message)) return true;
  Drop(std::string("it sent a malformed ") + wire::NameOf(Message::kType) + " message");
  return false;
}

template <typename Message>
void Session::Answer(uint32_t request, const Message& message, UniqueFd fd) {
  outbox_.Send(wire::Encode(request, state_.generation, message), std::move(fd));
}

void Session::AnswerDone(uint32_t request, const Status& status) {
  Answer(request, wire::Done{wire::OutcomeOf(status)});
}

void Session::Handle(const wire::Header& header, std::span<const uint8_t> packet) {
  using Type = wire::MessageType;
  const std::string name = wire::NameOf(header.type);
  // 1. What is wrong whatever is in it. To a dead server was sent what is of an older generation.
  if (phase_ == Phase::kGreeting && header.type != Type::kHello) {
    return Drop("its first message was no hello");
  }
  if (header.type != Type::kHello && header.generation != state_.generation) {
    if (taken_over_ && header.generation < state_.generation) return;
    return Drop("it sent a message of a generation that it cannot know");
  }
  if (header.request == 0 && header.type != Type::kResumed) {
    return Drop("it sent a request without a number");
  }
  if (!unwanted_.empty() && header.type != Type::kHello) {
    return Drop("it sent a descriptor that nobody wants");
  }
  // 2. One by one.
  switch (header.type) {
    case Type::kHello: return HandleHello(header, packet);
    case Type::kMap: return HandleMap(header, packet);
    case Type::kAttach: return HandleAttach(header, packet);
    case Type::kDetach: return HandleDetach(header, packet);
    case Type::kPrefault: return HandlePrefault(header, packet);
    case Type::kFlush: return HandleOnRange<wire::Flush>(header, packet);
    case Type::kEvict: return HandleOnRange<wire::Evict>(header, packet);
    case Type::kDiscard: return HandleOnRange<wire::Discard>(header, packet);
    case Type::kPin: return HandleOnRange<wire::Pin>(header, packet);
    case Type::kUnpin: return HandleOnRange<wire::Unpin>(header, packet);
    case Type::kRegionStats: return HandleRegionStats(header, packet);
    case Type::kServerStats: return HandleServerStats(header, packet);
    case Type::kPing: return HandlePing(header, packet);
    case Type::kResumed: return HandleResumed(packet);
    default: return Drop("it sent a message that clients do not send");
  }
}

void Session::HandleHello(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Hello hello;
  if (!Read(packet, &hello)) return;
  // Said again: the server before has died before it could answer.
  const bool again = phase_ != Phase::kGreeting;
  if (again && !may_greet_again_) return Drop("it said hello twice");
  may_greet_again_ = false;
  const bool stat_only = hello.flags == wire::Hello::kStatOnly;
  if (hello.flags != 0 && !stat_only) return Drop("it sent a hello with unknown flags");
  if (unwanted_.size() != (stat_only ? 0 : 1)) {
    return Drop("its hello did not bring one userfaultfd");
  }
  if (!again && !stat_only) {
    // Should it be none, then it is closed where that may take its time.
    UniqueFd faults(fcntl(unwanted_.front().get(), F_DUPFD_CLOEXEC, 0));
    Status status = faults ? ClientUserfaultfd::Adopt(std::move(faults), &faults_)
                           : SystemError(errno, "duplicating a descriptor");
    if (!status.ok()) return Drop(status.message);
    const int fds[] = {socket_.get(), faults_->fd()};
    status = state_.ledger->Put(ClientKey(id_), {}, fds);
    if (!status.ok()) return Drop("it cannot be noted for the next server: " + status.message);
    load_ = std::make_shared<ClientLoad>();
  }
  // Of the last one another descriptor is held; a second one may take its time to be closed.
  const auto fds = std::make_shared<std::vector<UniqueFd>>(std::move(unwanted_));
  unwanted_.clear();
  if (again) (void)ServerJobs().Run([fds] { fds->clear(); });
  phase_ = Phase::kServing;
  if (!again) state_.loop.CallOff(timer_);
  const ServerLimits& limits = state_.options.limits;
  Answer(header.request, wire::Welcome{state_.generation,
                                       {limits.mappings_max, limits.requests_max,
                                        limits.faults_in_flight_max, limits.pinned_bytes_max}});
}

Session::Mapping* Session::FindMapping(uint32_t number) {
  const auto found = mappings_.find(number);
  if (found != mappings_.end()) return &found->second;
  Drop("it named a mapping that it does not have");
  return nullptr;
}

bool Session::IsInside(const Mapping& mapping, const wire::Range& range) {
  const uint64_t bytes = mapping.dataset->mapped_bytes();
  if (range.offset <= bytes && range.byte_length <= bytes - range.offset) return true;
  Drop("it named a range outside of its mapping");
  return false;
}

void Session::HandlePrefault(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Prefault prefault;
  if (!Read(packet, &prefault)) return;
  Mapping* const mapping = FindMapping(prefault.mapping);
  if (!mapping) return;
  std::vector<ByteRange> ranges;
  for (const wire::Range& range : prefault.ranges) {
    if (!IsInside(*mapping, range)) return;
    if (range.byte_length > 0) ranges.push_back(RangeOf(range));
  }
  const auto request = std::make_shared<Request>(shared_from_this(), header.request);
  if (ranges.empty()) return request->Finish(Status::Ok());
  Prefault(mapping->dataset->region, ranges,
           [request, monitor = monitor_, number = prefault.mapping, ranges](const Status& status) {
             MapIn(request, monitor, number, ranges, status);
           });
}

// Any thread. Steps that are dropped with the monitor leave the request unanswered.
void Session::MapIn(const std::shared_ptr<Request>& request,
                    const std::shared_ptr<FaultMonitor>& monitor, uint32_t number,
                    const std::vector<ByteRange>& ranges, const Status& status) {
  if (!monitor) return request->Finish(status);
  auto left = std::make_shared<std::vector<ByteRange>>(ranges);
  monitor->Post([request, monitor = monitor.get(), number, left, status] {
    const auto client = monitor->Find(number);
    if (!client || left->empty()) {
      request->Finish(status);
      return false;
    }
    ByteRange& range = left->back();
    const uint64_t bytes = std::min(range.byte_length, kSliceBytes);
    MapIntoClient(*client, {range.offset, bytes});
    range.offset += bytes;
    range.byte_length -= bytes;
    if (range.byte_length == 0) left->pop_back();
    return true;
  });
}

template <typename Message>
void Session::HandleOnRange(const wire::Header& header, std::span<const uint8_t> packet) {
  Message message;
  if (!Read(packet, &message)) return;
  const Mapping* const mapping = FindMapping(message.mapping);
  if (!mapping || !IsInside(*mapping, message.range)) return;
  const auto request = std::make_shared<Request>(shared_from_this(), header.request);
  const ByteRange range = RangeOf(message.range);
  if (range.byte_length == 0) return request->Finish(Status::Ok());
  if (header.type == wire::MessageType::kPin) return StartPin(request, message.mapping, range);
  if (header.type == wire::MessageType::kUnpin) return StartUnpin(request, message.mapping, range);
  if (header.type == wire::MessageType::kDiscard && !mapping->entry.writable) {
    return request->Finish(Status::Fail(EACCES, "the mapping is read-only"));
  }
  Start(header.type, mapping->dataset->region, range,
        [request](const Status& status) { request->Finish(status); });
}

void Session::StartPin(const std::shared_ptr<Request>& request, uint32_t number, ByteRange range) {
  const Dataset& dataset = *mappings_.at(number).dataset;
  const uint64_t mask = dataset.page_bytes - 1;
  const uint64_t end = (range.offset + range.byte_length + mask) & ~mask;
  const uint64_t bytes = end - (range.offset & ~mask);
  const uint64_t bytes_max = state_.options.limits.pinned_bytes_max;
  if (!pins_.Reserve(bytes, bytes_max)) {
    return request->Finish(Status::Fail(
        ENOMEM, "the server lets a client pin " + std::to_string(bytes_max) + " bytes"));
  }
  // Pinning waits for the store.
  const auto job = [request, monitor = monitor_, number, range, bytes, region = dataset.region] {
    SessionPins& pins = request->session().pins_;
    Status status = Pin(region, range);
    if (!status.ok()) {
      pins.Cancel(bytes);
      request->Finish(status);
    } else if (pins.Add(number, region, range, bytes)) {
      MapIn(request, monitor, number, {range}, status);
    } else {
      request->Finish(Status::Fail(EINVAL, "the mapping has ended"));
    }
  };
  const Status status = ServerJobs().Run(job);
  if (status.ok()) return;
  pins_.Cancel(bytes);
  request->Finish(status);
}

void Session::StartUnpin(const std::shared_ptr<Request>& request, uint32_t number,
                         ByteRange range) {
  // A range may have many pages.
  const auto job = [request, number, range] {
    // A client may take a pin back while its server dies, which the next one was never told of.
    request->session().pins_.Remove(number, range);
    request->Finish(Status::Ok());
  };
  const Status status = ServerJobs().Run(job);
  if (!status.ok()) request->Finish(status);
}

void Session::HandleRegionStats(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::RegionStats message;
  if (!Read(packet, &message)) return;
  const Mapping* const mapping = FindMapping(message.mapping);
  if (!mapping) return;
  const RegionStats stats = StatsOf(*mapping->dataset->region);
  ClientFaultStats faults;
  if (mapping->client) faults = FaultStatsOf(*mapping->client);
  wire::RegionStatsReply reply;
  reply.faults = faults.faults;
  reply.fills = stats.fills;
  reply.fill_bytes = stats.fill_bytes;
  reply.evictions = stats.evictions;
  reply.standby_hits = stats.standby_hits;
  reply.write_protect_faults = stats.write_protect_faults;
  reply.write_backs = stats.write_backs;
  reply.write_back_bytes = stats.write_back_bytes;
  reply.resident_bytes = stats.resident_bytes;
  reply.dirty_bytes = stats.dirty_bytes;
  reply.pinned_bytes = pins_.bytes(message.mapping);
  reply.read_ahead_bytes = stats.read_ahead_bytes;
  reply.read_ahead_used_bytes = stats.read_ahead_used_bytes;
  reply.store_errors = stats.store_errors;
  reply.fault_latency = LatencyOf(faults.latency);
  reply.fill_latency = LatencyOf(stats.fill_latency);
  Answer(header.request, reply);
}

void Session::HandleServerStats(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::ServerStats message;
  if (!Read(packet, &message)) return;
  UniqueFd text;
  const Status status = SealText("umap-stats", JsonOf(state_.stats()), &text);
  if (!status.ok()) return AnswerDone(header.request, status);
  Answer(header.request, wire::StatsReply{}, std::move(text));
}

void Session::HandlePing(const wire::Header& header, std::span<const uint8_t> packet) {
  wire::Ping message;
  if (Read(packet, &message)) Answer(header.request, wire::Pong{});
}

void Session::HandleResumed(std::span<const uint8_t> packet) {
  wire::Resumed message;
  if (!Read(packet, &message)) return;
  if (!resumes_) return Drop("it resumed what was not interrupted");
  resumes_ = false;
  state_.loop.CallOff(timer_);
  state_.on_resumed();
}

// Any thread.
void Session::DropSoon(const std::string& reason) {
  state_.loop.Post([self = shared_from_this(), reason] { self->Drop(reason); });
}

template void Session::Answer(uint32_t, const wire::Goodbye&, UniqueFd);
template void Session::Answer(uint32_t, const wire::Restarted&, UniqueFd);
template void Session::Answer(uint32_t, const wire::Mapped&, UniqueFd);
template void Session::Answer(uint32_t, const wire::Failed&, UniqueFd);
template void Session::Answer(uint32_t, const wire::Event&, UniqueFd);
template bool Session::Read(std::span<const uint8_t>, wire::Map*);
template bool Session::Read(std::span<const uint8_t>, wire::Attach*);
template bool Session::Read(std::span<const uint8_t>, wire::Detach*);

}  // namespace umap
