// A server: data sets that other processes map over a Unix socket, which share its pages. One
// thread serves the socket and all clients' requests, one thread a client answers its faults; the
// pages themselves are the engine's. What clients do, say or stop doing disturbs nobody else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "os/log.h"
#include "os/status.h"
#include "server/allow.h"
#include "server/ledger.h"
#include "server/server_stats.h"

namespace umap {

class PageBuffer;
class Region;

// What clients may have at most; each but the first for one client.
struct ServerLimits {
  uint32_t clients_max = 256;
  uint32_t mappings_max = 64;
  uint64_t pinned_bytes_max = uint64_t{1} << 30;
  // Threads that wait for a page; beyond it the client's other faults are not read.
  uint32_t faults_in_flight_max = 256;
  // Requests without an answer; beyond it the client's next ones are not read.
  uint32_t requests_max = 64;
  // From connecting to the first message, and from a takeover to the client's kResumed.
  uint32_t hello_timeout_ms = 5'000;
  uint32_t resume_timeout_ms = 30'000;
};

struct ServerOptions {
  std::string socket_path;
  mode_t socket_mode = 0600;
  ServerLimits limits;
  // That of the data sets, for the statistics.
  std::shared_ptr<PageBuffer> buffer;
  // Null: nobody starts it again.
  std::shared_ptr<Ledger> ledger;
  // Lines for a person, on any thread; must not block. Null: the engine's log.
  std::function<void(LogLevel, const std::string&)> log;
};

struct DatasetOptions {
  // 1 to 255 bytes without control characters.
  std::string name;
  // Opened with FaultChoice::kShared; stays open until the server is closed, and is closed by
  // whoever opened it.
  std::shared_ptr<Region> region;
  bool writable = false;
  // The exact length of the data set; the region's is rounded up to whole pages.
  uint64_t byte_length = 0;
  uint64_t page_bytes = 0;
  // The memory of its pages; duplicated.
  int pages = -1;
  std::vector<AllowRule> allow = DefaultAllowRules();
};

// Any thread.
class Server {
 public:
  static std::shared_ptr<Server> Create(ServerOptions options);
  virtual ~Server() = default;

  // REQUIRES: not started.
  virtual Status AddDataset(const DatasetOptions& dataset) = 0;
  // Listens, or goes on with the sockets, clients and mappings of the last server in the ledger.
  // EADDRINUSE: another server lives at the path. After a failure nothing is left of it.
  virtual Status Start() = 0;
  // Says goodbye to the clients, writes all data sets back durably, and gives everything back but
  // the regions. Once; `done` runs on a thread of the server, with the first failure of a flush.
  virtual void Close(Callback done) = 0;
  virtual ServerStats Stats() = 0;
};

}  // namespace umap
