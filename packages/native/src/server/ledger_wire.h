// What a ledger and its keeper say to each other: one request, one answer, each a packet. Both ends
// are our own processes, but maybe of two releases: the first request says which. No state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/status.h"
#include "os/unix_socket.h"

namespace umap {

enum class LedgerVerb : uint32_t {
  // Server to keeper. kBegin must come first; `number` is the version.
  kBegin = 1,
  // The entry behind the one of this key; the first one where the key is empty.
  kNext,
  kPut,
  kDrop,
  // Keeper to server; `number` is the generation after kBegin, else an errno.
  kDone,
  // Answer to kNext.
  kEntry,
  kNoEntry,
};

constexpr uint64_t kLedgerVersion = 1;

// A packet as one reads it. Parts point into the packet's bytes.
struct LedgerMessage {
  LedgerVerb verb = LedgerVerb::kDone;
  uint64_t number = 0;
  std::string_view key;
  std::span<const uint8_t> bytes;
};

// Room for the largest of them.
std::vector<uint8_t> LedgerPacketRoom();

// kWouldBlock: the other end does not read.
SocketOutcome SendLedgerMessage(int socket, const LedgerMessage& message,
                                std::span<const int> fds = {});
// Waits. False: the other end is gone, or sends what makes no sense. `packet` keeps the
// descriptors, and says where some are missing.
bool ReceiveLedgerMessage(int socket, std::span<uint8_t> room, ReceivedPacket* packet,
                          LedgerMessage* message);

}  // namespace umap
