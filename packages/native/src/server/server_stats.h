// What a server tells about itself: plain data, and the same as JSON. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "os/status.h"
#include "os/unique_fd.h"

namespace umap {

// Counts of one client on one data set, or of all of them together.
struct ClientFaultStats {
  uint64_t faults = 0;
  // On pages that were resident already: nothing had to be filled.
  uint64_t resident_faults = 0;
  LatencySummary latency;
};

struct DatasetStats {
  std::string name;
  bool writable = false;
  uint64_t byte_length = 0;
  uint64_t page_bytes = 0;
  uint32_t mappings = 0;
  RegionStats region;
  // Of all clients together, those that have gone included.
  ClientFaultStats clients;
};

struct ClientMappingStats {
  std::string dataset;
  bool writable = false;
  uint64_t pinned_bytes = 0;
  uint32_t waiting = 0;
  ClientFaultStats faults;
};

struct ClientStats {
  uint64_t client = 0;
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t pinned_bytes = 0;
  // Threads that wait for a page, and requests that wait for their answer, now.
  uint32_t faults_in_flight = 0;
  uint32_t requests_in_flight = 0;
  std::vector<ClientMappingStats> mappings;
};

struct ServerStats {
  uint32_t generation = 0;
  // Of this server process, as the counts are.
  uint64_t uptime_ms = 0;
  uint64_t connections = 0;
  // Clients that broke a rule, or were not let in.
  uint64_t clients_dropped = 0;
  BufferStats buffer;
  std::vector<DatasetStats> datasets;
  std::vector<ClientStats> clients;
};

std::string JsonOf(const ServerStats& stats);
// A memory file with a text that nobody can change.
Status SealText(const char* name, const std::string& text, UniqueFd* file);

}  // namespace umap
