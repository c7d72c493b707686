// See store_host_wire.h. Records are structs as they lie in memory: both ends are the same binary
// on the same machine.
#include "store/store_host_wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

namespace umap {

namespace {

static_assert(std::is_trivially_copyable_v<HostCall>);

// Before the texts of a status, which follow in this order.
struct AnswerHead {
  uint64_t token;
  int32_t error;
  uint32_t message_bytes;
  uint32_t detail_bytes;
  HostOutcome outcome;
  bool retryable;
};

constexpr size_t kMessageBytesMax = 16 << 10;
// Beyond it the details of an error stay behind: a record has to fit into a socket's buffer.
constexpr size_t kDetailBytesMax = 128 << 10;
constexpr int kBufferBytes = 1 << 20;
// A small record takes less than this of a socket's buffer, the kernel's bookkeeping included.
constexpr uint32_t kRecordBytes = 2048;
constexpr uint32_t kCallsMax = 1024;
constexpr size_t kServiceDescriptors = 2;

ssize_t Receive(int socket, void* data, size_t bytes, int flags) {
  ssize_t got;
  do {
    got = recv(socket, data, bytes, flags);
  } while (got < 0 && errno == EINTR);
  return got;
}

Receipt ReceiptOf(ssize_t got, size_t least) {
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Receipt::kNothing;
  return got >= static_cast<ssize_t>(least) ? Receipt::kReceived : Receipt::kGone;
}

// The memory for a message with descriptors, aligned as the kernel wants it.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kServiceDescriptors * sizeof(int))> bytes{};
};

}  // namespace

Status CreateSocketPair(UniqueFd* one, UniqueFd* other) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return SystemError(errno, "making a pair of sockets");
  }
  *one = UniqueFd(fds[0]);
  *other = UniqueFd(fds[1]);
  // A wish; the kernel has a limit of its own.
  for (const int fd : fds) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
  }
  return Status::Ok();
}

uint32_t CallsThatFit(int socket) {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  if (getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) != 0) return 1;
  return std::clamp<uint32_t>(static_cast<uint32_t>(bytes) / kRecordBytes, 1, kCallsMax);
}

bool SendCall(int socket, const HostCall& call) {
  ssize_t sent;
  do {
    sent = send(socket, &call, sizeof call, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof call;
}

Receipt ReceiveCall(int socket, HostCall* call) {
  return ReceiptOf(Receive(socket, call, sizeof *call, MSG_DONTWAIT), sizeof *call);
}

void SendAnswer(int socket, uint64_t token, HostOutcome outcome, const Status& status) {
  AnswerHead head{};
  head.token = token;
  head.error = status.error;
  head.retryable = status.retryable;
  head.outcome = outcome;
  head.message_bytes =
      static_cast<uint32_t>(std::min(status.message.size(), kMessageBytesMax));
  head.detail_bytes = status.detail.size() > kDetailBytesMax
                          ? 0
                          : static_cast<uint32_t>(status.detail.size());
  // sendmsg() only reads what an iovec names.
  iovec parts[3] = {{&head, sizeof head},
                    {const_cast<char*>(status.message.data()), head.message_bytes},
                    {const_cast<char*>(status.detail.data()), head.detail_bytes}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = outcome == HostOutcome::kError ? 3 : 1;
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

Receipt ReceiveAnswer(int socket, bool wait, HostAnswer* answer) {
  thread_local std::array<char, sizeof(AnswerHead) + kMessageBytesMax + kDetailBytesMax> record;
  const ssize_t got = Receive(socket, record.data(), record.size(), wait ? 0 : MSG_DONTWAIT);
  const Receipt receipt = ReceiptOf(got, sizeof(AnswerHead));
  if (receipt != Receipt::kReceived) return receipt;
  AnswerHead head;
  std::memcpy(&head, record.data(), sizeof head);
  answer->token = head.token;
  answer->outcome = head.outcome;
  answer->status = {};
  if (head.outcome != HostOutcome::kError) return receipt;
  const uint64_t text_bytes = uint64_t{head.message_bytes} + head.detail_bytes;
  if (static_cast<uint64_t>(got) != sizeof head + text_bytes) return Receipt::kGone;
  const char* const text = record.data() + sizeof head;
  answer->status = {head.error, head.retryable, std::string(text, head.message_bytes),
                    std::string(text + head.message_bytes, head.detail_bytes)};
  return receipt;
}

Status SendService(int link, int socket, int memory) {
  const int fds[kServiceDescriptors] = {socket, memory};
  char mark = 's';
  iovec part = {&mark, 1};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(header), fds, sizeof fds);
  if (sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    return SystemError(errno, "handing a service to the process of the stores");
  }
  return Status::Ok();
}

Status ReceiveService(int link, UniqueFd* socket, UniqueFd* memory) {
  char mark = 0;
  iovec part = {&mark, 1};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t got = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return SystemError(errno, "receiving a service");
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  int fds[kServiceDescriptors];
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof fds)) {
    return Status::Fail(ECONNRESET, "the process that maps the regions is gone");
  }
  std::memcpy(fds, CMSG_DATA(header), sizeof fds);
  *socket = UniqueFd(fds[0]);
  *memory = UniqueFd(fds[1]);
  return Status::Ok();
}

}  // namespace umap
