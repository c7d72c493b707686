// Unix sockets that keep packets apart (SOCK_SEQPACKET), carry descriptors, and say who is at the
// other end. Every descriptor that is made here is closed by exec. Any thread. See unix(7).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

// Who connected, as the kernel noted it then.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  // Supplementary ones too; `gid` is not among them.
  std::vector<gid_t> groups;
};

// How sending, receiving or accepting ended.
enum class SocketOutcome : uint8_t {
  kDone,
  // Not without waiting.
  kWouldBlock,
  // The other end is closed or broken.
  kGone,
};

// A listening, non-blocking socket at `path` whose file has the permissions `mode` from its first
// moment. A file that a dead server has left is replaced. EADDRINUSE: a server lives there, or it
// is no socket.
Status ListenUnix(const std::string& path, mode_t mode, UniqueFd* listener);
// A connected socket. `wait`: it is a blocking one, and a server that has not yet accepted many
// others is waited for; else EAGAIN.
Status ConnectUnix(const std::string& path, bool wait, UniqueFd* socket);
// The next who connects, as a non-blocking socket. `error`: 0, or the errno with which the kernel
// refuses although somebody waits, for want of descriptors say.
SocketOutcome AcceptUnix(int listener, UniqueFd* socket, int* error);
Status PeerOf(int socket, PeerCredentials* peer);

// One packet, whole or not at all, with two descriptors at most; never waits, however the socket is
// set.
SocketOutcome SendPacket(int socket, std::span<const uint8_t> bytes, std::span<const int> fds);

// Closes it so that the other end reads everything that was sent to it, before it learns of the
// end. May wait, for descriptors that were sent and never received are closed too.
void HangUp(UniqueFd* socket);

struct ReceivedPacket {
  // In the buffer that was given; never empty.
  std::span<const uint8_t> bytes;
  std::vector<UniqueFd> fds;
  // It was longer than the buffer, or brought more descriptors than fit; what was too much is gone.
  bool truncated = false;
};
// One or two descriptors fit, as the kernel aligns them. `wait`: until there is something.
SocketOutcome ReceivePacket(int socket, bool wait, std::span<uint8_t> buffer,
                            ReceivedPacket* packet);

}  // namespace umap
