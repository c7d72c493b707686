// See unix_socket.h.
#include "os/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "os/check.h"

namespace umap {
namespace {

// Connections that the kernel keeps until they are accepted.
constexpr int kBacklog = 128;
// Two servers that start at one path at the same moment take turns, if they can.
constexpr int kTurnAttempts = 100;
constexpr std::chrono::milliseconds kTurnPause{10};

Status AddressOf(const std::string& path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address->sun_path) {
    return Status::Fail(ENAMETOOLONG, "the path of a socket has 1 to " +
                                          std::to_string(sizeof address->sun_path - 1) +
                                          " bytes, this one has " + std::to_string(path.size()));
  }
  if (path.find('\0') != std::string::npos) {
    return Status::Fail(EINVAL, "the path of a socket has a zero byte in it");
  }
  std::memcpy(address->sun_path, path.data(), path.size());
  return Status::Ok();
}

Status NewSocket(int flags, UniqueFd* socket) {
  socket->Reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  return *socket ? Status::Ok() : SystemError(errno, "making a socket");
}

int ConnectTo(int socket, const sockaddr_un& address) {
  int failed;
  do {
    failed = connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (failed != 0 && errno == EINTR);
  return failed == 0 ? 0 : errno;
}

// Held while a path is looked at and taken. It is the directory that is locked, so that no file is
// left behind; who may read that may hold the lock, so that nobody waits for it for ever.
UniqueFd TakeTurn(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  UniqueFd lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; lock && i < kTurnAttempts && flock(lock.get(), LOCK_EX | LOCK_NB) != 0; i++) {
    std::this_thread::sleep_for(kTurnPause);
  }
  return lock;
}

// Takes away what a dead server has left at the path.
Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) {
    return errno == ENOENT ? Status::Ok() : SystemError(errno, "looking at " + path);
  }
  if (!S_ISSOCK(file.st_mode)) {
    return Status::Fail(EADDRINUSE, path + " exists, and is not a socket");
  }
  UniqueFd probe;
  Status status = NewSocket(SOCK_NONBLOCK, &probe);
  if (!status.ok()) return status;
  const int error = ConnectTo(probe.get(), address);
  // EAGAIN: it lives, and has much to do. EPROTOTYPE: another program's.
  if (error == 0 || error == EAGAIN || error == EPROTOTYPE) {
    return Status::Fail(EADDRINUSE, "a server is listening at " + path + " already");
  }
  if (error == ENOENT) return Status::Ok();
  if (error != ECONNREFUSED) return SystemError(error, "asking who listens at " + path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return SystemError(errno, "removing the socket that a dead server has left at " + path);
  }
  return Status::Ok();
}

constexpr size_t kDescriptorsMax = 2;

// The memory for descriptors that come with a packet, aligned as the kernel wants it.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> bytes{};
};

void TakeDescriptors(msghdr* message, std::vector<UniqueFd>* fds) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds->emplace_back(fd);
    }
  }
}

}  // namespace

Status ListenUnix(const std::string& path, mode_t mode, UniqueFd* listener) {
  sockaddr_un address;
  Status status = AddressOf(path, &address);
  if (!status.ok()) return status;
  UniqueFd socket;
  status = NewSocket(SOCK_NONBLOCK, &socket);
  if (!status.ok()) return status;
  // 1. The file gets the permissions of the socket, less the umask: never more than it shall have.
  if (fchmod(socket.get(), mode) != 0) return SystemError(errno, "setting a socket's permissions");
  // 2. Make way. Nobody can connect before step 4, so nobody takes us for dead in our turn.
  const UniqueFd turn = TakeTurn(path);
  status = RemoveStale(path, address);
  if (!status.ok()) return status;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SystemError(errno, "making the socket " + path);
  }
  // 3. What the umask took.
  if (chmod(path.c_str(), mode) != 0) {
    status = SystemError(errno, "setting the permissions of " + path);
  } else if (listen(socket.get(), kBacklog) != 0) {  // 4.
    status = SystemError(errno, "listening at " + path);
  }
  if (!status.ok()) {
    unlink(path.c_str());
    return status;
  }
  *listener = std::move(socket);
  return Status::Ok();
}

Status ConnectUnix(const std::string& path, bool wait, UniqueFd* socket) {
  sockaddr_un address;
  Status status = AddressOf(path, &address);
  if (!status.ok()) return status;
  UniqueFd made;
  status = NewSocket(wait ? 0 : SOCK_NONBLOCK, &made);
  if (!status.ok()) return status;
  const int error = ConnectTo(made.get(), address);
  if (error != 0) return SystemError(error, "connecting to " + path);
  *socket = std::move(made);
  return Status::Ok();
}

SocketOutcome AcceptUnix(int listener, UniqueFd* socket, int* error) {
  *error = 0;
  for (;;) {
    socket->Reset(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (*socket) return SocketOutcome::kDone;
    // ECONNABORTED: that one has gone again.
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return SocketOutcome::kWouldBlock;
    *error = errno;
    const bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return is_short ? SocketOutcome::kWouldBlock : SocketOutcome::kGone;
  }
}

Status PeerOf(int socket, PeerCredentials* peer) {
  ucred credentials;
  socklen_t bytes = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return SystemError(errno, "asking who is at the other end of a socket");
  }
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  // ERANGE tells how many bytes there are; they never change.
  peer->groups.resize(32);
  for (;;) {
    bytes = static_cast<socklen_t>(peer->groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer->groups.data(), &bytes) == 0) break;
    if (errno != ERANGE) return SystemError(errno, "asking for the groups of a socket's other end");
    peer->groups.resize(bytes / sizeof(gid_t));
  }
  peer->groups.resize(bytes / sizeof(gid_t));
  return Status::Ok();
}

SocketOutcome SendPacket(int socket, std::span<const uint8_t> bytes, std::span<const int> fds) {
  CHECK(fds.size() <= kDescriptorsMax);
  // sendmsg() only reads what an iovec names.
  iovec part = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  Control control;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return SocketOutcome::kDone;
  const bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
  return is_full ? SocketOutcome::kWouldBlock : SocketOutcome::kGone;
}

void HangUp(UniqueFd* socket) {
  shutdown(socket->get(), SHUT_RDWR);
  // Closed with something unread it would look broken, and what it was sent last is lost.
  std::array<uint8_t, 16> buffer;
  ReceivedPacket packet;
  while (ReceivePacket(socket->get(), false, buffer, &packet) == SocketOutcome::kDone) {
  }
  socket->Reset();
}

SocketOutcome ReceivePacket(int socket, bool wait, std::span<uint8_t> buffer,
                            ReceivedPacket* packet) {
  iovec part = {buffer.data(), buffer.size()};
  Control control;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (got < 0 && errno == EINTR);
  *packet = {};
  if (got < 0) {
    const bool is_empty = errno == EAGAIN || errno == EWOULDBLOCK;
    return is_empty ? SocketOutcome::kWouldBlock : SocketOutcome::kGone;
  }
  TakeDescriptors(&message, &packet->fds);
  packet->truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  packet->bytes = buffer.first(static_cast<size_t>(got));
  // An empty packet looks like the end, and nobody sends one in good faith.
  return got > 0 ? SocketOutcome::kDone : SocketOutcome::kGone;
}

}  // namespace umap
