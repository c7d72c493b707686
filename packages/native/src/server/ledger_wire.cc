// See ledger_wire.h.
#include "server/ledger_wire.h"

#include <cstring>

#include "server/ledger.h"

namespace umap {

namespace {

struct Head {
  LedgerVerb verb;
  uint32_t key_bytes;
  uint64_t number;
};

constexpr size_t kPacketBytesMax = sizeof(Head) + Ledger::kKeyBytesMax + Ledger::kBytesMax;

}  // namespace

std::vector<uint8_t> LedgerPacketRoom() { return std::vector<uint8_t>(kPacketBytesMax); }

SocketOutcome SendLedgerMessage(int socket, const LedgerMessage& message,
                                std::span<const int> fds) {
  const Head head = {message.verb, static_cast<uint32_t>(message.key.size()), message.number};
  std::vector<uint8_t> packet(sizeof head + message.key.size() + message.bytes.size());
  uint8_t* to = packet.data();
  std::memcpy(to, &head, sizeof head);
  to += sizeof head;
  if (!message.key.empty()) std::memcpy(to, message.key.data(), message.key.size());
  to += message.key.size();
  if (!message.bytes.empty()) std::memcpy(to, message.bytes.data(), message.bytes.size());
  return SendPacket(socket, packet, fds);
}

bool ReceiveLedgerMessage(int socket, std::span<uint8_t> room, ReceivedPacket* packet,
                          LedgerMessage* message) {
  if (ReceivePacket(socket, true, room, packet) != SocketOutcome::kDone) return false;
  Head head;
  if (packet->bytes.size() < sizeof head) return false;
  std::memcpy(&head, packet->bytes.data(), sizeof head);
  const auto rest = packet->bytes.subspan(sizeof head);
  if (head.key_bytes > rest.size() || head.key_bytes > Ledger::kKeyBytesMax) return false;
  message->verb = head.verb;
  message->number = head.number;
  message->key = {reinterpret_cast<const char*>(rest.data()), head.key_bytes};
  message->bytes = rest.subspan(head.key_bytes);
  return true;
}

}  // namespace umap
