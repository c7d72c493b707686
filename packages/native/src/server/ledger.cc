// See ledger.h.
#include "server/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <map>
#include <utility>

#include "os/mutex.h"
#include "os/thread.h"
#include "server/ledger_wire.h"

namespace umap {

namespace {

class Forgetful final : public Ledger {
 public:
  uint32_t generation() const override { return 1; }
  Status Put(const std::string&, std::span<const uint8_t>, std::span<const int>) override {
    return Status::Ok();
  }
  void Drop(const std::string&) override {}
  std::vector<LedgerEntry> Take(const std::string&) override { return {}; }
};

Status Gone() { return Status::Fail(ECONNRESET, "the process that supervises this one is gone"); }

class Kept final : public Ledger {
 public:
  static Status Open(UniqueFd socket, std::function<void()> on_gone,
                     std::shared_ptr<Ledger>* ledger) {
    std::shared_ptr<Kept> kept(new Kept());
    kept->socket_ = std::move(socket);
    Status status = kept->Begin();
    if (status.ok()) status = kept->TakeOver();
    if (status.ok()) status = kept->Watch(std::move(on_gone));
    if (status.ok()) *ledger = std::move(kept);
    return status;
  }

  ~Kept() override {
    if (!watcher_.joinable()) return;
    eventfd_write(ending_.get(), 1);
    watcher_.Join();
  }

  uint32_t generation() const override { return generation_; }

  std::vector<LedgerEntry> Take(const std::string& prefix) override {
    MutexLock lock(mutex_);
    std::vector<LedgerEntry> taken;
    auto at = left_.lower_bound(prefix);
    while (at != left_.end() && at->first.starts_with(prefix)) {
      taken.push_back(std::move(at->second));
      at = left_.erase(at);
    }
    return taken;
  }

  bool TakeOne(const std::string& key, LedgerEntry* entry) override {
    MutexLock lock(mutex_);
    const auto found = left_.find(key);
    if (found == left_.end()) return false;
    *entry = std::move(found->second);
    left_.erase(found);
    return true;
  }

  Status Put(const std::string& key, std::span<const uint8_t> bytes,
             std::span<const int> fds) override {
    if (key.empty() || key.size() > kKeyBytesMax || bytes.size() > kBytesMax ||
        fds.size() > kDescriptorsMax) {
      return Status::Fail(EINVAL, "the ledger has no room for such an entry: " + key);
    }
    return Change({LedgerVerb::kPut, 0, key, bytes}, fds);
  }

  // Waits too, so that a socket is never full. Nobody is left to remember it where that fails.
  void Drop(const std::string& key) override { Change({LedgerVerb::kDrop, 0, key, {}}, {}); }

 private:
  Kept() = default;

  // Waits for the answer, whose parts are valid until the mutex is given up.
  Status Ask(const LedgerMessage& request, std::span<const int> fds, ReceivedPacket* packet,
             LedgerMessage* answer) REQUIRES(mutex_) {
    // Never full: the answer to each is taken before the next.
    if (SendLedgerMessage(socket_.get(), request, fds) != SocketOutcome::kDone) return Gone();
    if (!ReceiveLedgerMessage(socket_.get(), room_, packet, answer)) return Gone();
    return Status::Ok();
  }

  Status Change(const LedgerMessage& request, std::span<const int> fds) {
    MutexLock lock(mutex_);
    ReceivedPacket packet;
    LedgerMessage answer;
    Status status = Ask(request, fds, &packet, &answer);
    if (status.ok() && answer.number != 0) {
      status = SystemError(static_cast<int>(answer.number), "keeping a descriptor");
    }
    return status;
  }

  Status Begin() {
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(socket_.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
        type != SOCK_SEQPACKET || fcntl(socket_.get(), F_SETFD, FD_CLOEXEC) != 0) {
      return Status::Fail(EINVAL, "descriptor " + std::to_string(socket_.get()) +
                                      " is no link to a supervisor");
    }
    MutexLock lock(mutex_);
    ReceivedPacket packet;
    LedgerMessage answer;
    const Status status = Ask({LedgerVerb::kBegin, kLedgerVersion, {}, {}}, {}, &packet, &answer);
    if (!status.ok()) return status;
    if (answer.number == 0) {
      return Status::Fail(EPROTO,
                          "the supervisor is of another version of this package: end it, and "
                          "start it anew");
    }
    generation_ = static_cast<uint32_t>(answer.number);
    return Status::Ok();
  }

  Status TakeOver() {
    MutexLock lock(mutex_);
    std::string last;
    for (;;) {
      ReceivedPacket packet;
      LedgerMessage answer;
      const Status status = Ask({LedgerVerb::kNext, 0, last, {}}, {}, &packet, &answer);
      if (!status.ok()) return status;
      if (packet.truncated) {
        return Status::Fail(EMFILE, "too few descriptors to take over what the last server left");
      }
      if (answer.verb == LedgerVerb::kNoEntry) return Status::Ok();
      last = answer.key;
      left_[last] = {last, {answer.bytes.begin(), answer.bytes.end()}, std::move(packet.fds)};
    }
  }

  Status Watch(std::function<void()> on_gone) {
    ending_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!ending_) return SystemError(errno, "watching the supervisor");
    const int socket = socket_.get();
    const int ending = ending_.get();
    return Thread::Start(
        "umap-ledger",
        [socket, ending, on_gone = std::move(on_gone)] {
          pollfd fds[] = {{ending, POLLIN, 0}, {socket, POLLRDHUP, 0}};
          while (poll(fds, 2, -1) < 0 && errno == EINTR) {
          }
          if (fds[0].revents == 0 && on_gone) on_gone();
        },
        &watcher_);
  }

  UniqueFd socket_;
  UniqueFd ending_;
  Thread watcher_;
  uint32_t generation_ = 0;

  // Held while an answer is waited for, so that each finds its own.
  Mutex mutex_;
  std::vector<uint8_t> room_ GUARDED_BY(mutex_) = LedgerPacketRoom();
  std::map<std::string, LedgerEntry> left_ GUARDED_BY(mutex_);
};

}  // namespace

bool Ledger::TakeOne(const std::string&, LedgerEntry*) { return false; }

std::shared_ptr<Ledger> NullLedger() { return std::make_shared<Forgetful>(); }

Status OpenLedger(UniqueFd socket, std::function<void()> on_gone, std::shared_ptr<Ledger>* ledger) {
  return Kept::Open(std::move(socket), std::move(on_gone), ledger);
}

}  // namespace umap
