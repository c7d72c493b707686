// The service of a host of another process. It has a thread that watches its socket while the
// thread of the stores is in its event loop; it looks only, and reads nothing.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>
#include <utility>

#include "store/store_host_service.h"
#include "store/store_host_wire.h"

namespace umap {

namespace {

class RemoteService final : public HostService {
 public:
  RemoteService(UniqueFd socket, UniqueFd event, std::function<void()> wake)
      : socket_(std::move(socket)), event_(std::move(event)), wake_(std::move(wake)) {}
  ~RemoteService() override { Stop(); }

  Status Start(UniqueFd memory) {
    const Status status = HostArena::Map(std::move(memory), &arena_);
    if (!status.ok()) return status;
    watcher_ = std::thread([this] { WatchSocket(); });
    pthread_setname_np(watcher_.native_handle(), "umap-calls");
    return Status::Ok();
  }

  bool TakeCall(HostCall* call) override {
    if (!HasCall()) return false;
    *call = next_;
    has_next_ = false;
    return true;
  }

  void Complete(uint64_t token, HostOutcome outcome, Status status) override {
    if (!stopped_) SendAnswer(socket_.get(), token, outcome, status);
  }

  void Stop() override {
    stopped_ = true;
    if (!watcher_.joinable()) return;
    Tell();
    watcher_.join();
    // The other end sees its end, even where somebody still holds this service.
    socket_.Reset();
  }

  int fd() const override { return socket_.get(); }

  bool HasCall() override {
    if (!has_next_ && !stopped_) {
      has_next_ = ReceiveCall(socket_.get(), &next_) == Receipt::kReceived;
    }
    return has_next_;
  }

  void Watch() override {
    if (watching_.exchange(true)) return;
    Tell();
  }

 private:
  void Tell() const { eventfd_write(event_.get(), 1); }

  void WatchSocket() {
    const int socket = socket_.get();
    for (bool gone = false; !stopped_;) {
      pollfd fds[2] = {{event_.get(), POLLIN, 0}, {gone ? -1 : socket, 0, 0}};
      if (watching_) fds[1].events = POLLIN;
      if (poll(fds, 2, -1) < 0) continue;
      if (fds[0].revents != 0) {
        eventfd_t count;
        eventfd_read(event_.get(), &count);
      }
      gone = gone || (fds[1].revents & (POLLHUP | POLLERR)) != 0;
      if ((fds[1].revents & POLLIN) != 0 && watching_.exchange(false)) wake_();
    }
  }

  UniqueFd socket_;
  const UniqueFd event_;
  const std::function<void()> wake_;
  // `wake_` is called when the socket becomes readable.
  std::atomic<bool> watching_ = true;
  std::atomic<bool> stopped_ = false;
  // Received and not taken yet.
  HostCall next_;
  bool has_next_ = false;
  std::thread watcher_;
};

}  // namespace

Status ServeRemotely(int link, std::function<void()> wake, std::shared_ptr<HostService>* service) {
  UniqueFd socket;
  UniqueFd memory;
  Status status = ReceiveService(link, &socket, &memory);
  if (!status.ok()) return status;
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return SystemError(errno, "making an eventfd");
  auto started =
      std::make_shared<RemoteService>(std::move(socket), std::move(event), std::move(wake));
  status = started->Start(std::move(memory));
  if (status.ok()) *service = std::move(started);
  return status;
}

}  // namespace umap
