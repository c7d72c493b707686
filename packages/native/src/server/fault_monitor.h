// Answers the faults of one client: a thread that waits in the client's userfaultfd and hands what
// it reads to the engine, which maps at once or sees to it later. It also does whatever else works
// on the client's memory (letting it in and out, mapping what was prefaulted), so that a client in
// whose process such calls hang keeps its own thread busy, and no other.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/shared_region.h"
#include "os/mutex.h"
#include "os/status.h"
#include "os/thread.h"
#include "os/unique_fd.h"

namespace umap {

class FaultMonitor {
 public:
  // True: it is to be called again, after faults had their turn.
  using Step = std::function<bool()>;

  struct Options {
    std::shared_ptr<const ClientUserfaultfd> faults;
    std::shared_ptr<ClientLoad> load;
    uint32_t faults_in_flight_max = 0;
    // Called on the monitor's thread. A mapping is elsewhere now; the client has broken a rule, and
    // is to be dropped; the thread ends.
    std::function<void(uint32_t mapping, uint64_t address)> on_moved;
    std::function<void(const std::string& reason)> on_broken;
    std::function<void()> on_end;
  };

  explicit FaultMonitor(Options options) : options_(std::move(options)) {}
  FaultMonitor(const FaultMonitor&) = delete;
  FaultMonitor& operator=(const FaultMonitor&) = delete;

  Status Start();

  // Any thread.

  // Steps run in order, each of them after those before it have ended.
  void Post(Step step) EXCLUDES(mutex_);
  // Reads no fault any more.
  void Retire();
  // Ends the thread, soon; steps that have not begun are not run.
  void Stop();
  // After on_end; not on the monitor's thread.
  void Join() { thread_.Join(); }

  // On the monitor's thread.

  // REQUIRES: it overlaps none that is there.
  void Add(uint32_t mapping, const std::shared_ptr<ClientMapping>& client);
  bool Overlaps(uint64_t begin, uint64_t bytes) const;
  // Null: there is none.
  std::shared_ptr<ClientMapping> Take(uint32_t mapping);
  std::shared_ptr<ClientMapping> Find(uint32_t mapping) const;
  std::vector<std::shared_ptr<ClientMapping>> TakeAll();

 private:
  struct Attached {
    uint32_t mapping;
    // Empty where the client has unmapped it.
    uint64_t begin, end;
    std::shared_ptr<ClientMapping> client;
  };

  void Run();
  bool RunStep() EXCLUDES(mutex_);
  // Faults that were answered; nothing where there was none, or not for now.
  uint32_t ReadFaults();
  void Handle(const ClientMessage& message);
  void HandleFault(const ClientFault& fault);
  void HandleMoved(const ClientMessage& message);
  void HandleForgotten(const ClientMessage& message);
  void Break(const std::string& reason);
  void AwaitWork();
  void Wake();

  const Options options_;
  Thread thread_;
  UniqueFd wake_event_;
  UniqueFd epoll_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reads_{true};
  std::atomic<bool> steps_any_{false};

  Mutex mutex_;
  std::deque<Step> steps_ GUARDED_BY(mutex_);

  // The monitor's thread only.
  std::vector<Attached> attached_;
  uint32_t stray_faults_ = 0;
  uint32_t times_unblocked_ = 0;
};

}  // namespace umap
