// See connection.h: regions of a connection, and its life.
#include "client/connection.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <utility>

#include "client/client_region.h"
#include "engine/job_runner.h"
#include "os/check.h"
#include "os/log.h"
#include "os/thread.h"

namespace umap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kExitSilenceMax{5000};
constexpr uint64_t kPageBytesMax = uint64_t{1} << 30;
constexpr uint64_t kByteLengthMax = uint64_t{1} << 53;
// Servers that may die in a row while one data set is mapped.
constexpr int kMapAttempts = 8;

std::atomic<bool> g_exiting{false};
std::atomic<bool> g_exit_held_up{false};

// All connections of the process. Never destroyed: exit handlers use it.
struct Connections {
  Mutex mutex;
  std::vector<std::weak_ptr<Connection>> all GUARDED_BY(mutex);

  static Connections& Get() {
    static auto* const connections = new Connections();
    return *connections;
  }
  void Add(const std::shared_ptr<Connection>& connection) {
    MutexLock lock(mutex);
    std::erase_if(all, [](const auto& one) { return one.expired(); });
    all.push_back(connection);
  }
  std::vector<std::shared_ptr<Connection>> Living() {
    MutexLock lock(mutex);
    std::vector<std::shared_ptr<Connection>> living;
    for (const auto& one : all) {
      if (auto connection = one.lock()) living.push_back(std::move(connection));
    }
    return living;
  }
};

Status CheckMapped(const wire::Mapped& mapped, bool writable) {
  const bool sound = std::has_single_bit(mapped.page_bytes) &&
                     mapped.page_bytes >= static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) &&
                     mapped.page_bytes <= kPageBytesMax && mapped.byte_length <= kByteLengthMax &&
                     mapped.writable == writable;
  return sound ? Status::Ok()
               : Status::Fail(EPROTO, "the server describes a data set that makes no sense");
}

}  // namespace

Status RunClientJob(std::function<void()> job) {
  static auto* const jobs = new JobRunner();
  return jobs->Run(std::move(job));
}

// Its life ----------------------------------------------------------------------------------------

Connection::Connection(const ConnectOptions& options, std::shared_ptr<OwnFaults> faults,
                       ChannelOptions channel)
    : path_(options.path),
      faults_(std::move(faults)),
      silence_max_(options.server_timeout),
      channel_(std::move(channel), *this),
      changed_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(changed_.valid());
}

Connection::~Connection() = default;

Status Connection::Start() {
  Status status = Thread::StartDetached("umap-client", [self = shared_from_this()] {
    self->Receive();
  });
  if (status.ok()) Connections::Get().Add(shared_from_this());
  return status;
}

void Connection::Receive() {
  const Status over = channel_.Run();
  if (over.ok()) {
    channel_.Fail(Status::Fail(ESHUTDOWN, "the client is closed"));
    return;
  }
  const auto regions = Regions();
  {
    MutexLock lock(mutex_);
    gone_ = true;
  }
  if (!regions.empty()) {
    Log(LogLevel::kError, over.message + "; touching pages of its data sets that are not in "
                                         "memory here raises SIGBUS from now on");
  }
  channel_.Fail(over);
  // Whoever watches over the exit ends the process, as it asked for.
  if (g_exiting && !regions.empty()) g_exit_held_up = true;
  if (g_exiting) return;
  for (const auto& region : regions) {
    region->Tell({EventKind::kServerGone, over, 0, region->memory().bytes(), 0});
  }
  AnswerOwnFaults();
}

void Connection::Release() {
  {
    MutexLock lock(mutex_);
    released_ = true;
  }
  EndIfUnused();
}

void Connection::EndIfUnused() {
  {
    MutexLock lock(mutex_);
    if (!released_ || !regions_.empty()) return;
  }
  channel_.End();
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(changed_.get(), &one, sizeof one);
}

// The end of the process --------------------------------------------------------------------------

void Connection::BeginExit() {
  g_exiting = true;
  for (const auto& connection : Connections::Get().Living()) {
    const std::chrono::nanoseconds most = kExitSilenceMax;
    connection->channel_.SetSilenceMax(std::min(connection->silence_max_, most));
  }
}

bool Connection::HaveAny() { return !Connections::Get().Living().empty(); }

bool Connection::IsExitHeldUp() { return g_exit_held_up; }

void Connection::FinishExit() {
  for (const auto& connection : Connections::Get().Living()) {
    connection->channel_.Fail(Status::Fail(ECANCELED, "the process ends"));
  }
}

// Mapping -----------------------------------------------------------------------------------------

Status Connection::Map(const std::string& name, bool writable, MappedDataset* mapped) {
  for (int attempt = 1;; attempt++) {
    const uint32_t generation = channel_.generation();
    Status status = MapOnce(name, writable, mapped);
    // What one server has promised, the next one may not know of.
    if (status.ok() || channel_.generation() == generation || attempt == kMapAttempts) {
      return status;
    }
  }
}

Status Connection::MapOnce(const std::string& name, bool writable, MappedDataset* dataset) {
  // 1. What is it?
  wire::Mapped mapped;
  UniqueFd memory;
  bool understood = false;
  const auto access = writable ? wire::Access::kReadWrite : wire::Access::kReadOnly;
  Status status = channel_.AskAndWait(wire::Map{access, name}, [&](Answer& answer) {
    understood = answer.type == wire::MessageType::kMapped &&
                 wire::Decode(answer.packet, &mapped) && answer.fd.valid();
    memory = std::move(answer.fd);
  });
  if (!status.ok()) return status;
  status = understood ? CheckMapped(mapped, writable)
                      : Status::Fail(EPROTO, "the server's answer makes no sense");
  if (!status.ok()) return status;
  *dataset = {nullptr, mapped.byte_length, mapped.page_bytes};
  if (mapped.byte_length == 0) {
    return channel_.AskAndWait(wire::Detach{mapped.mapping});
  }

  // 2. Its memory. Until the server has registered it nobody must touch it, or it is zeros.
  const auto region = std::make_shared<ClientRegion>(
      shared_from_this(), mapped.mapping, writable, mapped.byte_length, mapped.page_bytes,
      "data set " + name + " of the server at " + path_);
  const uint64_t bytes = (mapped.byte_length + mapped.page_bytes - 1) & ~(mapped.page_bytes - 1);
  status = region->memory().Map(std::move(memory), bytes, mapped.page_bytes, writable,
                                !faults_->has_poison());
  if (!status.ok()) {
    channel_.Ask(wire::Detach{mapped.mapping}, [](Answer&) {});
    return status;
  }

  // 3. Let the server look after it.
  status = Attach(region);
  if (status.ok()) dataset->region = region;
  return status;
}

Status Connection::Attach(const std::shared_ptr<ClientRegion>& region) {
  {
    MutexLock lock(mutex_);
    regions_[region->mapping()] = region;
  }
  const Status status =
      channel_.AskAndWait(wire::Attach{region->mapping(), region->memory().address()});
  if (status.ok()) return status;
  faults_->Unregister(region->memory().address(), region->memory().bytes());
  region->memory().Reset();
  Forget(region->mapping());
  return status;
}

void Connection::Forget(uint32_t mapping) {
  {
    MutexLock lock(mutex_);
    regions_.erase(mapping);
  }
  EndIfUnused();
}

std::shared_ptr<ClientRegion> Connection::Find(uint32_t mapping) const {
  MutexLock lock(mutex_);
  const auto found = regions_.find(mapping);
  return found == regions_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<ClientRegion>> Connection::Regions() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<ClientRegion>> regions;
  for (const auto& [mapping, region] : regions_) regions.push_back(region);
  return regions;
}

// What the server says ----------------------------------------------------------------------------

void Connection::OnEvent(const wire::Event& event) {
  const auto region = Find(event.mapping);
  // Newer servers may tell more.
  if (region == nullptr || event.kind > static_cast<uint8_t>(EventKind::kStall)) return;
  region->Tell({static_cast<EventKind>(event.kind), wire::StatusOf(event.outcome),
                event.range.offset, event.range.byte_length, event.budget_bytes});
}

void Connection::OnFailed(const wire::Failed& failed) {
  const auto region = Find(failed.mapping);
  if (region == nullptr) return;
  region->Fail({failed.range.offset, failed.range.byte_length}, wire::StatusOf(failed.outcome));
}

void Connection::OnRestarted(uint32_t generation) {
  Log(LogLevel::kInfo, "a new server has taken over at " + path_);
  MutexLock lock(pins_mutex_);
  std::vector<wire::Pin> pins;
  for (const auto& region : Regions()) region->AddPins(&pins);
  channel_.GoOn(generation, pins, [path = path_](Answer& answer) {
    if (answer.status.ok()) return;
    Log(LogLevel::kError, "the new server at " + path +
                              " does not keep a range pinned that was: " + answer.status.message);
  });
}

}  // namespace umap
