// What the ledger keeps of a client and its mappings, as bytes and back: one server writes it, and
// maybe a newer one reads it. No state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace umap {

std::string ClientKey(uint64_t client);
std::string MappingKey(uint64_t client, uint32_t mapping);
// The keys of all mappings of a client begin with it.
std::string MappingKeys(uint64_t client);
// The last number in a key; nothing where there is none.
std::optional<uint64_t> NumberIn(const std::string& key);

struct MappingEntry {
  std::string dataset;
  bool writable = false;
  // 0: the client has not said yet where it is.
  uint64_t address = 0;
  // The request by which the client asked for it: it may ask again.
  uint32_t request = 0;
};

std::vector<uint8_t> BytesOf(const MappingEntry& entry);
// False: no server has written that.
bool ReadMappingEntry(std::span<const uint8_t> bytes, MappingEntry* entry);

}  // namespace umap
