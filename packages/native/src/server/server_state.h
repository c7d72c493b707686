// What the parts of one server share: its loop, its data sets and limits, and who works for it.
// Made by the server, and there for longer than every session.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/job_runner.h"
#include "os/futex.h"
#include "os/log.h"
#include "server/dataset.h"
#include "server/event_loop.h"
#include "server/ledger.h"
#include "server/server.h"
#include "server/server_stats.h"

namespace umap {

class Session;

// Pins, the ends of sessions, and whatever else may wait; of all servers of the process.
JobRunner& ServerJobs();

struct ServerState {
  // Fixed from the start on.
  ServerOptions options;
  std::shared_ptr<Ledger> ledger;
  uint32_t generation = 0;
  std::map<std::string, std::unique_ptr<Dataset>, std::less<>> datasets;

  EventLoop loop;

  // On the loop's thread.
  std::function<ServerStats()> stats;
  std::function<void(Session&)> on_session_end;
  // A client of the server before has pinned again what it wants pinned.
  std::function<void()> on_resumed;
  std::vector<uint8_t> packet_buffer;
  uint64_t clients_dropped = 0;

  // Calls of the engine whose callbacks are still to come. Any thread.
  std::atomic<uint32_t> operations{0};
  void BeginOperation() { operations.fetch_add(1); }
  void EndOperation() {
    if (operations.fetch_sub(1) == 1) FutexWakeAll(operations);
  }
  void AwaitOperations() const {
    for (;;) {
      const uint32_t left = operations.load();
      if (left == 0) return;
      FutexWait(operations, left);
    }
  }

  void Log(LogLevel level, const std::string& line) const {
    if (options.log) {
      options.log(level, line);
    } else {
      umap::Log(level, line);
    }
  }
};

}  // namespace umap
