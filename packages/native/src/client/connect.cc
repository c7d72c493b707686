// How a connection begins: greeting a server that may be about to start, or to be started again.
// Runs on threads that may wait.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "client/connection.h"
#include "os/clock.h"

namespace umap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPause{50};
constexpr uint64_t kStatsBytesMax = 64 << 20;

// The time that is left, counted down.
class Deadline {
 public:
  explicit Deadline(milliseconds time)
      : until_ns_(NowNs() + std::chrono::nanoseconds(time).count()) {}
  bool IsOver() const { return LeftMs() == 0; }
  int LeftMs() const {
    const int64_t left_ns = until_ns_ - NowNs();
    return left_ns <= 0 ? 0 : static_cast<int>(std::min<int64_t>(left_ns / 1'000'000 + 1, 1 << 30));
  }

 private:
  const int64_t until_ns_;
};

// What the server has said, or why it has not. retryable: another server may say more.
Status ReceiveInTime(int socket, const Deadline& deadline, std::vector<uint8_t>* buffer,
                     ReceivedPacket* packet, wire::Header* header) {
  for (;;) {
    switch (ReceivePacket(socket, false, *buffer, packet)) {
      case SocketOutcome::kGone:
        return Status::Retry(ECONNRESET, "the server closed the connection");
      case SocketOutcome::kDone:
        if (!packet->truncated && wire::DecodeHeader(packet->bytes, header)) return Status::Ok();
        return Status::Fail(EPROTO, "what answers there speaks another protocol, or another "
                                    "version of it");
      case SocketOutcome::kWouldBlock: break;
    }
    if (deadline.IsOver()) return Status::Retry(ETIMEDOUT, "the server does not answer");
    pollfd ready = {socket, POLLIN, 0};
    poll(&ready, 1, deadline.LeftMs());
  }
}

Status Refusal(std::span<const uint8_t> packet) {
  wire::Goodbye goodbye;
  if (!wire::Decode(packet, &goodbye)) return Status::Fail(EPROTO, "the server talks nonsense");
  if (goodbye.reason == wire::GoodbyeReason::kClosing) {
    return Status::Retry(ECONNRESET, "the server is closing");
  }
  return Status::Fail(EACCES, "the server refuses this client: " + goodbye.text);
}

// One attempt. `uffd`: -1 for a client that maps nothing.
Status Greet(const std::string& path, int uffd, const Deadline& deadline, UniqueFd* socket,
             wire::Welcome* welcome) {
  Status status = ConnectUnix(path, false, socket);
  if (!status.ok()) {
    // Nobody there yet, or not for the moment.
    status.retryable = status.error == ENOENT || status.error == ECONNREFUSED ||
                       status.error == EAGAIN || status.error == ECONNRESET;
    return status;
  }
  const wire::Hello hello = {uffd < 0 ? wire::Hello::kStatOnly : 0};
  const int fds[] = {uffd};
  const SocketOutcome sent = SendPacket(socket->get(), wire::Encode(1, 0, hello),
                                        uffd < 0 ? std::span<const int>() : fds);
  if (sent != SocketOutcome::kDone) {
    return Status::Retry(ECONNRESET, "the server closed the connection");
  }
  std::vector<uint8_t> buffer(wire::kPacketBytesMax);
  ReceivedPacket packet;
  wire::Header header;
  status = ReceiveInTime(socket->get(), deadline, &buffer, &packet, &header);
  if (!status.ok()) return status;
  switch (header.type) {
    case wire::MessageType::kWelcome:
      return wire::Decode(packet.bytes, welcome)
                 ? Status::Ok()
                 : Status::Fail(EPROTO, "the server's welcome makes no sense");
    case wire::MessageType::kGoodbye:
      return Refusal(packet.bytes);
    case wire::MessageType::kRestarted:
      // It died between our greeting and its answer. We begin anew.
      return Status::Retry(ECONNRESET, "the server was started again");
    default:
      return Status::Fail(EPROTO, std::string("the server greets with '") +
                                      wire::NameOf(header.type) + "'");
  }
}

Status ReadAll(int fd, std::string* text) {
  struct stat found;
  if (fstat(fd, &found) != 0) return SystemError(errno, "looking at a server's statistics");
  if (!S_ISREG(found.st_mode) || static_cast<uint64_t>(found.st_size) > kStatsBytesMax) {
    return Status::Fail(EPROTO, "the server's statistics are no file of a sound size");
  }
  text->resize(static_cast<size_t>(found.st_size));
  for (size_t done = 0; done < text->size();) {
    const ssize_t got =
        pread(fd, text->data() + done, text->size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return SystemError(got < 0 ? errno : EIO, "reading a server's statistics");
    done += static_cast<size_t>(got);
  }
  return Status::Ok();
}

}  // namespace

Status Connection::Connect(const ConnectOptions& options,
                           std::shared_ptr<Connection>* connection) {
  // What this machine refuses, no server can help.
  std::shared_ptr<OwnFaults> faults;
  Status status = OwnFaults::Open(options.faults, &faults);
  if (!status.ok()) return status;
  const Deadline deadline(options.server_timeout);
  ChannelOptions channel;
  wire::Welcome welcome;
  for (;;) {
    status = Greet(options.path, faults->fd(), deadline, &channel.socket, &welcome);
    if (status.ok()) break;
    if (!status.retryable) return status;
    if (deadline.LeftMs() <= kPause.count()) {
      return Status::Fail(kServerGone,
                          "no server has answered at " + options.path + " within " +
                              std::to_string(options.server_timeout.count()) +
                              " ms: " + status.message);
    }
    usleep(static_cast<useconds_t>(std::chrono::microseconds(kPause).count()));
  }
  channel.path = options.path;
  channel.generation = welcome.generation;
  channel.requests_max = welcome.limits.requests_max;
  channel.silence_max = options.server_timeout;
  std::shared_ptr<Connection> made(new Connection(options, std::move(faults), std::move(channel)));
  status = made->Start();
  if (status.ok()) *connection = std::move(made);
  return status;
}

Status Connection::ServerStats(const std::string& path, milliseconds limit, std::string* json) {
  const Deadline deadline(limit);
  UniqueFd socket;
  wire::Welcome welcome;
  Status status = Greet(path, -1, deadline, &socket, &welcome);
  if (!status.ok()) {
    const bool is_gone = status.retryable;
    return is_gone ? Status::Fail(kServerGone, "no server answers at " + path + ": " +
                                                   status.message)
                   : status;
  }
  if (SendPacket(socket.get(), wire::Encode(2, welcome.generation, wire::ServerStats{}), {}) !=
      SocketOutcome::kDone) {
    return Status::Fail(kServerGone, "the server at " + path + " has ended");
  }
  std::vector<uint8_t> buffer(wire::kPacketBytesMax);
  for (;;) {
    ReceivedPacket packet;
    wire::Header header;
    status = ReceiveInTime(socket.get(), deadline, &buffer, &packet, &header);
    if (!status.ok()) return Status::Fail(kServerGone, status.message);
    wire::Done done;
    if (header.type == wire::MessageType::kDone && wire::Decode(packet.bytes, &done)) {
      return wire::StatusOf(done.outcome);
    }
    if (header.type == wire::MessageType::kGoodbye) return Refusal(packet.bytes);
    if (header.type != wire::MessageType::kStatsReply) continue;
    if (packet.fds.empty()) return Status::Fail(EPROTO, "the server's statistics are missing");
    return ReadAll(packet.fds.front().get(), json);
  }
}

}  // namespace umap
