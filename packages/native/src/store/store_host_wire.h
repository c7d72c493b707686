// What the two ends of a store host in a process of its own send each other over sockets: calls,
// answers, and the descriptors of new services. Small records only; the bytes of pages lie in the
// shared arena. Stateless, any thread.
#pragma once

#include <cstdint>

#include "os/status.h"
#include "os/unique_fd.h"
#include "store/store_host.h"

namespace umap {

// How a call ended, as the other process says.
struct HostAnswer {
  uint64_t token = 0;
  HostOutcome outcome = HostOutcome::kOk;
  Status status;
};

// kGone: the other end is closed, or sends what makes no sense.
enum class Receipt : uint8_t { kReceived, kNothing, kGone };

// A connected pair of sockets that keep records apart; no child process inherits them.
Status CreateSocketPair(UniqueFd* one, UniqueFd* other);

// Calls that fit into a socket of CreateSocketPair, so that sending one never has to wait.
uint32_t CallsThatFit(int socket);

// Never waits. False: the other end is gone.
bool SendCall(int socket, const HostCall& call);
Receipt ReceiveCall(int socket, HostCall* call);

// Waits while the socket is full. What it sends to nobody is lost.
void SendAnswer(int socket, uint64_t token, HostOutcome outcome, const Status& status);
// `wait`: until there is something.
Receipt ReceiveAnswer(int socket, bool wait, HostAnswer* answer);

// Hands the ends of a new service to the other process: the socket of its calls, the memory of its
// arena. Neither waits.
Status SendService(int link, int socket, int memory);
Status ReceiveService(int link, UniqueFd* socket, UniqueFd* memory);

}  // namespace umap
