// See session_entries.h.
#include "server/session_entries.h"

#include <charconv>
#include <cstring>

namespace umap {
namespace {

struct MappingRecord {
  uint32_t version;
  uint32_t writable;
  uint64_t address;
  uint32_t request;
  uint32_t name_bytes;
};

constexpr uint32_t kVersion = 1;

}  // namespace

std::string ClientKey(uint64_t client) { return "client/" + std::to_string(client); }

std::string MappingKeys(uint64_t client) { return "mapping/" + std::to_string(client) + "/"; }

std::string MappingKey(uint64_t client, uint32_t mapping) {
  return MappingKeys(client) + std::to_string(mapping);
}

std::optional<uint64_t> NumberIn(const std::string& key) {
  const char* const begin = key.data() + key.rfind('/') + 1;
  const char* const end = key.data() + key.size();
  uint64_t number = 0;
  const auto read = std::from_chars(begin, end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

std::vector<uint8_t> BytesOf(const MappingEntry& entry) {
  const MappingRecord record = {kVersion, entry.writable, entry.address, entry.request,
                                static_cast<uint32_t>(entry.dataset.size())};
  std::vector<uint8_t> bytes(sizeof record + entry.dataset.size());
  std::memcpy(bytes.data(), &record, sizeof record);
  std::memcpy(bytes.data() + sizeof record, entry.dataset.data(), entry.dataset.size());
  return bytes;
}

bool ReadMappingEntry(std::span<const uint8_t> bytes, MappingEntry* entry) {
  MappingRecord record;
  if (bytes.size() < sizeof record) return false;
  std::memcpy(&record, bytes.data(), sizeof record);
  if (record.version != kVersion || bytes.size() != sizeof record + record.name_bytes) return false;
  entry->dataset.assign(bytes.begin() + sizeof record, bytes.end());
  entry->writable = record.writable != 0;
  entry->address = record.address;
  entry->request = record.request;
  return true;
}

}  // namespace umap
