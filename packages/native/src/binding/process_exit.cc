// See process_exit.h. The thread that watches over the exit is never joined: it ends with the
// process, or ends it.
#include "binding/process_exit.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "binding/held_region.h"
#include "binding/id_table.h"
#include "client/connection.h"
#include "engine/engine.h"
#include "os/log.h"
#include "store/store_host.h"

namespace umap {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWatchInterval{50};
// A store host without a worker gets none any more. The little time is for threads that end anyway.
constexpr milliseconds kUnservedMax{200};
// A store that is slow, but answers, is waited for.
constexpr milliseconds kWithoutAnswerMax{5000};
constexpr milliseconds kCloseMax{2000};
constexpr milliseconds kNoLimit = std::chrono::hours(24);

std::atomic<bool> g_exiting = false;

struct Pending {
  uint64_t served = 0;
  uint64_t unserved = 0;
  uint64_t answered = 0;
};

Pending CountPending() {
  Pending pending;
  for (const auto& host : Table<StoreHost>().All()) {
    const HostCallStats stats = host->Stats();
    (stats.served ? pending.served : pending.unserved) += stats.pending;
    pending.answered += stats.completed + stats.failed;
  }
  return pending;
}

void NameLostChanges(const HeldRegion& held, MappedRegion& region) {
  const uint64_t dirty_bytes = held.facts().hosted ? region.Stats().dirty_bytes : 0;
  if (dirty_bytes == 0) return;
  Log(LogLevel::kError, "changes to " + held.facts().label + " are lost: " +
                            std::to_string(dirty_bytes) +
                            " bytes of pages were not written back, and stores in JavaScript end "
                            "before the process does; flush or close the region first");
}

// Lets the engine write back what it can without the stores that do not answer.
void WriteBack(milliseconds close_max) {
  static Mutex* const mutex = new Mutex();
  static bool done = false;
  MutexLock lock(*mutex);
  if (done) return;
  done = true;
  // Open regions stay open from here on; what is being closed already must not be disturbed.
  for (const auto& held : Table<HeldRegion>().All()) {
    if (const auto region = held->BeginOperation()) NameLostChanges(*held, *region);
  }
  // What a server has it keeps, and nobody waits for its answers any more.
  Connection::FinishExit();
  if (HeldRegion::WaitForEngine(close_max)) PrepareForExit();
}

void WatchExit(int exit_code) {
  milliseconds unserved{0};
  milliseconds without_answer{0};
  for (uint64_t answered = 0;;) {
    std::this_thread::sleep_for(kWatchInterval);
    const Pending pending = CountPending();
    unserved = pending.unserved > 0 ? unserved + kWatchInterval : milliseconds(0);
    const bool stands_still = pending.served > 0 && pending.answered == answered;
    without_answer = stands_still ? without_answer + kWatchInterval : milliseconds(0);
    answered = pending.answered;
    const bool hosts_hold_up = unserved >= kUnservedMax || without_answer >= kWithoutAnswerMax;
    if (!hosts_hold_up && !Connection::IsExitHeldUp()) continue;
    Log(LogLevel::kWarning,
        hosts_hold_up
            ? "the process ends although " + std::to_string(pending.served + pending.unserved) +
                  " calls of JavaScript stores are unanswered; a thread may be blocked by them"
            : "the process ends although a server does not answer that a thread may wait for");
    WriteBack(kCloseMax);
    _exit(exit_code);
  }
}

}  // namespace

void BeginExit(int exit_code) {
  if (g_exiting.exchange(true)) return;
  const auto hosts = Table<StoreHost>().All();
  for (const auto& host : hosts) host->KeepWaiting();
  Connection::BeginExit();
  if (hosts.empty() && !Connection::HaveAny()) return;
  std::thread watcher(WatchExit, exit_code);
  pthread_setname_np(watcher.native_handle(), "umap-exit");
  watcher.detach();
}

bool IsProcessExiting() { return g_exiting; }

void FinishAtExit() {
  for (const auto& host : Table<StoreHost>().All()) host->Close();
  WriteBack(kNoLimit);
}

}  // namespace umap
