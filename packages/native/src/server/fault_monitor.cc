// See fault_monitor.h.
#include "server/fault_monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "os/check.h"
#include "server/fault_spin.h"

namespace umap {
namespace {

// What one read takes.
constexpr uint32_t kMessagesMax = 32;
// Faults outside of all mappings come in good faith where a mapping has just moved or gone; more
// than that are a client that wants to keep us busy.
constexpr uint32_t kStrayFaultsMax = 100'000;
constexpr uint64_t kStrayBytes = 4096;
// Likewise for making its userfaultfd one that blocks.
constexpr uint32_t kTimesUnblockedMax = 100;

int AddTo(int epoll, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Status FaultMonitor::Start() {
  wake_event_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_event_) return SystemError(errno, "eventfd");
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_ || AddTo(epoll_.get(), wake_event_.get()) != 0 ||
      AddTo(epoll_.get(), options_.faults->fd()) != 0) {
    return SystemError(errno, "waiting for the faults of a client");
  }
  return Thread::Start("umap-monitor", [this] { Run(); }, &thread_);
}

void FaultMonitor::Post(Step step) {
  {
    MutexLock lock(mutex_);
    steps_.push_back(std::move(step));
    steps_any_.store(true);
  }
  Wake();
}

void FaultMonitor::Retire() {
  reads_.store(false);
  options_.load->Stop();
  Wake();
}

void FaultMonitor::Stop() {
  stopping_.store(true);
  options_.load->Stop();
  Wake();
}

void FaultMonitor::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_event_.get(), &one, sizeof one);
}

void FaultMonitor::Run() {
  FaultSpin spin;
  while (!stopping_.load()) {
    const uint32_t count = ReadFaults();
    const bool stepped = RunStep();
    if (count > 0) {
      spin.Note();
    } else if (!stepped) {
      if (spin.ShouldSpin()) {
        // Whoever is to raise the next fault may need this processor.
        sched_yield();
      } else {
        AwaitWork();
      }
    }
  }
  {
    MutexLock lock(mutex_);
    steps_.clear();
  }
  options_.on_end();
}

bool FaultMonitor::RunStep() {
  if (!steps_any_.load(std::memory_order_relaxed)) return false;
  Step step;
  {
    MutexLock lock(mutex_);
    step = std::move(steps_.front());
    steps_.pop_front();
  }
  const bool again = step();
  MutexLock lock(mutex_);
  if (again) steps_.push_front(std::move(step));
  steps_any_.store(!steps_.empty());
  return true;
}

uint32_t FaultMonitor::ReadFaults() {
  if (!reads_.load(std::memory_order_relaxed)) return 0;
  options_.load->AwaitBelow(options_.faults_in_flight_max);
  if (!reads_.load() || stopping_.load()) return 0;
  std::array<ClientMessage, kMessagesMax> messages;
  const int32_t count = options_.faults->Read(messages.data(), kMessagesMax);
  if (count < 0) {
    Break("its userfaultfd cannot be read");
    return 0;
  }
  for (int32_t i = 0; i < count; i++) Handle(messages[i]);
  return static_cast<uint32_t>(count);
}

void FaultMonitor::AwaitWork() {
  std::array<epoll_event, 2> events;
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
  for (int i = 0; i < count; i++) {
    if (events[i].data.fd == wake_event_.get()) {
      uint64_t value;
      (void)!read(wake_event_.get(), &value, sizeof value);
    } else if (!reads_.load()) {
      // Faults that nobody will answer must not wake us.
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, options_.faults->fd(), nullptr);
    } else if ((events[i].events & EPOLLERR) != 0) {
      // The client has made it blocking, which it cannot be while it is waited for.
      const int fd = options_.faults->fd();
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
      if (++times_unblocked_ > kTimesUnblockedMax) Break("it makes its userfaultfd block");
    }
  }
}

void FaultMonitor::Handle(const ClientMessage& message) {
  switch (message.kind) {
    case ClientMessage::Kind::kFault: HandleFault(message.fault); break;
    case ClientMessage::Kind::kMoved: HandleMoved(message); break;
    case ClientMessage::Kind::kRemoved:
    case ClientMessage::Kind::kUnmapped: HandleForgotten(message); break;
    case ClientMessage::Kind::kOther: break;
  }
}

void FaultMonitor::HandleFault(const ClientFault& fault) {
  for (const Attached& attached : attached_) {
    if (fault.address - attached.begin >= attached.end - attached.begin) continue;
    AnswerClientFault(*attached.client, fault);
    return;
  }
  // It asks again, once what moved or went away is known.
  options_.faults->Wake(fault.address & ~(kStrayBytes - 1), kStrayBytes);
  if (++stray_faults_ > kStrayFaultsMax) Break("it raises faults outside of its mappings");
}

void FaultMonitor::HandleMoved(const ClientMessage& message) {
  for (Attached& attached : attached_) {
    const uint64_t bytes = attached.end - attached.begin;
    if (message.begin - attached.begin >= bytes) continue;
    if (message.begin != attached.begin || message.bytes < bytes) {
      Break("it moved a part of a mapping");
      return;
    }
    attached.begin = message.to;
    attached.end = message.to + bytes;
    MoveClient(*attached.client, message.to);
    options_.on_moved(attached.mapping, message.to);
    return;
  }
}

void FaultMonitor::HandleForgotten(const ClientMessage& message) {
  for (Attached& attached : attached_) {
    const uint64_t begin = std::max(message.begin, attached.begin);
    const uint64_t end = std::min(message.begin + message.bytes, attached.end);
    if (begin >= end) continue;
    ForgetClientRange(*attached.client, begin - attached.begin, end - begin);
    const bool is_whole = begin == attached.begin && end == attached.end;
    if (is_whole && message.kind == ClientMessage::Kind::kUnmapped) attached.end = attached.begin;
  }
}

// Once: nothing is read from here on.
void FaultMonitor::Break(const std::string& reason) {
  if (!reads_.exchange(false)) return;
  options_.on_broken(reason);
}

void FaultMonitor::Add(uint32_t mapping, const std::shared_ptr<ClientMapping>& client) {
  const uint64_t begin = client->address();
  attached_.push_back({mapping, begin, begin + client->bytes(), client});
}

// `bytes` is sane, `begin` may be anything.
bool FaultMonitor::Overlaps(uint64_t begin, uint64_t bytes) const {
  return std::any_of(attached_.begin(), attached_.end(), [&](const Attached& each) {
    return begin < each.end && (begin >= each.begin || each.begin - begin < bytes);
  });
}

std::shared_ptr<ClientMapping> FaultMonitor::Take(uint32_t mapping) {
  const auto found = std::find_if(attached_.begin(), attached_.end(), [&](const Attached& each) {
    return each.mapping == mapping;
  });
  if (found == attached_.end()) return nullptr;
  const std::shared_ptr<ClientMapping> client = std::move(found->client);
  attached_.erase(found);
  return client;
}

std::shared_ptr<ClientMapping> FaultMonitor::Find(uint32_t mapping) const {
  for (const Attached& attached : attached_) {
    if (attached.mapping == mapping) return attached.client;
  }
  return nullptr;
}

std::vector<std::shared_ptr<ClientMapping>> FaultMonitor::TakeAll() {
  std::vector<std::shared_ptr<ClientMapping>> clients;
  for (Attached& attached : attached_) clients.push_back(std::move(attached.client));
  attached_.clear();
  return clients;
}

}  // namespace umap
