// See client_region.h.
#include "client/client_region.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "os/log.h"

namespace umap {
namespace {

constexpr std::chrono::seconds kStatsTimeMax{1};
// An address space change that lasts longer than that is somebody who does not read his events.
constexpr int kPoisonAttemptsMax = 1000;
constexpr useconds_t kPoisonPauseUs = 1000;

RegionStats StatsOf(const wire::RegionStatsReply& reply, FaultMode mode) {
  const auto latency = [](const wire::Latency& from) {
    return LatencySummary{from.count, from.p50_us, from.p99_us, from.max_us};
  };
  RegionStats stats;
  stats.fault_mode = mode;
  stats.faults = reply.faults;
  stats.fills = reply.fills;
  stats.fill_bytes = reply.fill_bytes;
  stats.evictions = reply.evictions;
  stats.standby_hits = reply.standby_hits;
  stats.write_protect_faults = reply.write_protect_faults;
  stats.write_backs = reply.write_backs;
  stats.write_back_bytes = reply.write_back_bytes;
  stats.resident_bytes = reply.resident_bytes;
  stats.dirty_bytes = reply.dirty_bytes;
  stats.pinned_bytes = reply.pinned_bytes;
  stats.read_ahead_bytes = reply.read_ahead_bytes;
  stats.read_ahead_used_bytes = reply.read_ahead_used_bytes;
  stats.store_errors = reply.store_errors;
  stats.fault_latency = latency(reply.fault_latency);
  stats.fill_latency = latency(reply.fill_latency);
  return stats;
}

// Several requests that are one operation; the first failure is its outcome.
struct Several {
  explicit Several(Callback whole) : done(std::move(whole)) {}
  Callback done;
  Mutex mutex;
  Status first_failure GUARDED_BY(mutex);
  size_t left GUARDED_BY(mutex) = 0;

  void End(const Status& status) {
    {
      MutexLock lock(mutex);
      if (first_failure.ok() && !status.ok()) first_failure = status;
      if (--left > 0) return;
    }
    done(first_failure);
  }
};

wire::Range WireOf(ByteRange range) { return {range.offset, range.byte_length}; }

}  // namespace

ClientRegion::ClientRegion(std::shared_ptr<Connection> connection, uint32_t mapping, bool writable,
                           uint64_t byte_length, uint64_t page_bytes, std::string label)
    : connection_(std::move(connection)),
      mapping_(mapping),
      writable_(writable),
      byte_length_(byte_length),
      page_bytes_(page_bytes),
      label_(std::move(label)) {
  last_stats_.fault_mode = connection_->mode();
}

// Operations --------------------------------------------------------------------------------------

void ClientRegion::Prefault(std::vector<ByteRange> ranges, Callback done) {
  // Nothing to fill is done at once, as far as the server is concerned.
  const size_t parts = (ranges.size() + wire::kRangesMax - 1) / wire::kRangesMax;
  if (parts == 0) return done({});
  const auto all = std::make_shared<Several>(
      [self = shared_from_this(), ranges, done = std::move(done)](const Status& status) {
        done(status.ok() ? self->Heal(ranges) : status);
      });
  {
    MutexLock lock(all->mutex);
    all->left = parts;
  }
  for (size_t first = 0; first < ranges.size(); first += wire::kRangesMax) {
    wire::Prefault request = {mapping_, {}};
    const size_t end = std::min(first + wire::kRangesMax, ranges.size());
    for (size_t i = first; i < end; i++) request.ranges.push_back(WireOf(ranges[i]));
    connection_->channel_.Ask(std::move(request),
                              [all](Answer& answer) { all->End(answer.status); });
  }
}

template <typename Request>
void ClientRegion::AskRange(ByteRange range, Callback done) {
  connection_->channel_.Ask(Request{mapping_, WireOf(range)},
                            [done = std::move(done)](Answer& answer) { done(answer.status); });
}

void ClientRegion::Flush(ByteRange range, Callback done) {
  // Nothing of ours could be in need of it.
  if (!writable_) return done({});
  AskRange<wire::Flush>(range, std::move(done));
}

// What was unpinned before goes too.
void ClientRegion::Evict(ByteRange range, Callback done) {
  auto ask = [self = shared_from_this(), range, done = std::move(done)] {
    self->AskRange<wire::Evict>(range, done);
  };
  {
    MutexLock lock(mutex_);
    if (unpinning_ > 0) return after_unpinning_.push_back(std::move(ask));
  }
  ask();
}

void ClientRegion::Discard(ByteRange range, Callback done) {
  AskRange<wire::Discard>(range, std::move(done));
}

Status ClientRegion::Pin(ByteRange range) {
  {
    // What was unpinned before makes room.
    MutexLock lock(mutex_);
    while (unpinning_ > 0) unpinned_.Wait(mutex_);
  }
  Status status = connection_->channel_.AskAndWait(
      // On the receiving thread: a restart behind the answer must find the pin.
      wire::Pin{mapping_, WireOf(range)}, [this, range](Answer&) {
        MutexLock lock(connection_->pins_mutex_);
        pins_[{range.offset, range.byte_length}] += 1;
      });
  return status.ok() ? Heal({range}) : status;
}

void ClientRegion::Unpin(ByteRange range) {
  MutexLock lock(connection_->pins_mutex_);
  const auto found = pins_.find({range.offset, range.byte_length});
  if (found == pins_.end()) return;
  if (--found->second == 0) pins_.erase(found);
  {
    MutexLock region_lock(mutex_);
    unpinning_ += 1;
  }
  // A new server is not asked for what is not in the list any more.
  connection_->channel_.Ask(
      wire::Unpin{mapping_, WireOf(range)},
      [self = shared_from_this()](Answer&) { self->EndUnpin(); }, AfterRestart::kDone);
}

void ClientRegion::EndUnpin() {
  std::vector<std::function<void()>> asks;
  {
    MutexLock lock(mutex_);
    if (--unpinning_ > 0) return;
    asks.swap(after_unpinning_);
    unpinned_.NotifyAll();
  }
  for (const auto& ask : asks) ask();
}

// As an engine's region counts them: pages, however often they are pinned.
uint64_t ClientRegion::PinnedBytes() const {
  MutexLock lock(connection_->pins_mutex_);
  uint64_t pages = 0;
  uint64_t counted_to = 0;
  for (const auto& [range, count] : pins_) {
    const uint64_t begin = std::max(range.first / page_bytes_, counted_to);
    const uint64_t end = (range.first + range.second + page_bytes_ - 1) / page_bytes_;
    if (end <= begin) continue;
    pages += end - begin;
    counted_to = end;
  }
  return pages * page_bytes_;
}

void ClientRegion::AddPins(std::vector<wire::Pin>* pins) const {
  for (const auto& [range, count] : pins_) {
    pins->insert(pins->end(), count, wire::Pin{mapping_, {range.first, range.second}});
  }
}

RegionStats ClientRegion::Stats() {
  wire::RegionStatsReply reply;
  bool understood = false;
  connection_->channel_.AskAndWaitFor(
      kStatsTimeMax, wire::RegionStats{mapping_}, [&](Answer& answer) {
        understood = answer.type == wire::MessageType::kRegionStatsReply &&
                     wire::Decode(answer.packet, &reply);
      });
  const uint64_t pinned_bytes = PinnedBytes();
  MutexLock lock(mutex_);
  if (understood) last_stats_ = StatsOf(reply, connection_->mode());
  last_stats_.pinned_bytes = pinned_bytes;
  return last_stats_;
}

// Events ------------------------------------------------------------------------------------------

uint64_t ClientRegion::Subscribe(EventSink sink) {
  MutexLock lock(mutex_);
  sinks_.emplace(++last_sink_, std::move(sink));
  return last_sink_;
}

void ClientRegion::Unsubscribe(uint64_t subscription) {
  MutexLock lock(mutex_);
  sinks_.erase(subscription);
}

void ClientRegion::Tell(const RegionEvent& event) {
  std::map<uint64_t, EventSink> sinks;
  {
    MutexLock lock(mutex_);
    sinks = sinks_;
  }
  for (const auto& [id, sink] : sinks) sink(event);
}

// Trouble -----------------------------------------------------------------------------------------

ByteRange ClientRegion::WholePages(ByteRange range) const {
  const uint64_t begin = std::min(range.offset, memory_.bytes()) & ~(page_bytes_ - 1);
  const uint64_t length = std::min(range.byte_length, memory_.bytes() - begin);
  const uint64_t end =
      std::min((range.offset + length + page_bytes_ - 1) & ~(page_bytes_ - 1), memory_.bytes());
  return {begin, end > begin ? end - begin : 0};
}

// Says it first: who waits for the page may be killed by what it finds there.
void ClientRegion::Fail(ByteRange range, const Status& status) {
  const ByteRange pages = WholePages(range);
  bool is_new = false;
  {
    MutexLock lock(mutex_);
    for (uint64_t done = 0; done < pages.byte_length; done += page_bytes_) {
      is_new = failed_.insert(pages.offset + done).second || is_new;
    }
  }
  if (is_new) {
    Log(LogLevel::kError, "cannot read " + label_ + " at " + std::to_string(pages.offset) + ": " +
                              status.message + "; touching offset " +
                              std::to_string(pages.offset) +
                              " of the region raises SIGBUS until prefault() succeeds");
  }
  if (pages.byte_length > 0) Poison(pages);
}

void ClientRegion::Poison(ByteRange pages) {
  const OwnFaults& faults = *connection_->faults_;
  const uint64_t address = memory_.address() + pages.offset;
  if (!faults.has_poison()) {
    memory_.Replace(pages.offset, pages.byte_length);
    faults.Wake(address, pages.byte_length);
    return;
  }
  // What is occupied was healed meanwhile, or somebody was first; its waiters are awake.
  for (int i = 0; i < kPoisonAttemptsMax; i++) {
    if (faults.Poison(address, pages.byte_length) != PoisonOutcome::kBusy) return;
    usleep(kPoisonPauseUs);
  }
}

Status ClientRegion::Heal(const std::vector<ByteRange>& ranges) {
  const OwnFaults& faults = *connection_->faults_;
  MutexLock lock(mutex_);
  for (const ByteRange& range : ranges) {
    if (failed_.empty()) break;
    const ByteRange pages = WholePages(range);
    auto page = failed_.lower_bound(pages.offset);
    while (page != failed_.end() && *page < pages.offset + pages.byte_length) {
      // Poison is taken away by the server, which maps the page.
      Status status = faults.has_poison() ? Status::Ok()
                                          : memory_.Restore(faults, *page, page_bytes_);
      if (!status.ok()) return status;
      page = failed_.erase(page);
    }
  }
  return Status::Ok();
}

// The end -----------------------------------------------------------------------------------------

void ClientRegion::Close(Callback done) {
  {
    MutexLock lock(mutex_);
    if (!writable_ || failure_told_) return Detach(std::move(done));
  }
  Flush({0, byte_length_}, [self = shared_from_this(), done = std::move(done)](Status status) {
    if (status.ok()) return self->Detach(std::move(done));
    {
      MutexLock lock(self->mutex_);
      self->failure_told_ = !status.retryable;
    }
    done(status);
  });
}

void ClientRegion::Detach(Callback done) {
  // Whatever the server says: from here on it has nothing to do with this memory.
  connection_->channel_.Ask(
      wire::Detach{mapping_},
      [self = shared_from_this(), done = std::move(done)](Answer&) {
        const Status started = RunClientJob([self, done] {
          self->Unmap();
          done({});
        });
        if (!started.ok()) done(started);
      },
      AfterRestart::kAskAgain);
}

void ClientRegion::Unmap() {
  // A server that is gone has not done it; registered memory would wait for somebody who reads that
  // it is unmapped.
  connection_->faults_->Unregister(memory_.address(), memory_.bytes());
  memory_.Reset();
  connection_->Forget(mapping_);
}

}  // namespace umap
