// Messages to bytes and back. Decoding trusts nothing: a packet is a message where every field is
// there and in its limits, and nothing follows it. Stateless, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "os/status.h"
#include "wire/protocol.h"

namespace umap::wire {

using Bytes = std::vector<uint8_t>;

// A packet, ready to be sent. Texts that are too long are cut, details of errors left out.
// Instantiated for every struct of protocol.h that has a kType.
template <typename Message>
Bytes Encode(uint32_t request, uint32_t generation, const Message& message);

// False: this is no packet of our protocol and version.
bool DecodeHeader(std::span<const uint8_t> packet, Header* header);
// REQUIRES: DecodeHeader took the packet. False: it is no such message.
template <typename Message>
bool Decode(std::span<const uint8_t> packet, Message* message);

// For people: "flush", or "unknown".
const char* NameOf(MessageType type);

Outcome OutcomeOf(const Status& status);
Status StatusOf(const Outcome& outcome);

}  // namespace umap::wire
