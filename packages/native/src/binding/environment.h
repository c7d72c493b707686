// What one JavaScript environment (the main thread or a worker) holds of the engine, and how it
// lets go of all of it when it ends, in the middle of anything. Belongs to that thread.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "binding/held_region.h"
#include "binding/js_queue.h"
#include "server/keeper.h"
#include "store/store_host_link.h"
#include "store/store_host_service.h"
#include "store/store_host_spin.h"

namespace umap {

// A buffer over a region's memory in this isolate.
struct MappedBuffer {
  napi_ref reference = nullptr;
  HeldRegion::WrapId wrap = 0;
};

// A region as this environment uses it.
struct RegionUse {
  std::shared_ptr<HeldRegion> region;
  uint32_t references = 0;
  uint32_t mappings = 0;
  // Closing was asked for and has not ended; the reference is counted until it has.
  bool closing = false;
  MappedBuffer exclusive;  // the ArrayBuffer
  MappedBuffer shared;     // the SharedArrayBuffer
};

struct Subscription {
  std::shared_ptr<HeldRegion> region;
  uint64_t engine_id = 0;
  napi_ref on_event = nullptr;
};

// A store host that this environment serves.
struct ServedHost {
  std::shared_ptr<HostService> service;
  napi_ref on_call = nullptr;
  // Shown to JavaScript and not answered; each holds the event loop.
  std::unordered_set<uint64_t> tokens;
};

class Environment {
 public:
  // nullptr where the environment is going down already.
  static Environment* Create(Napi::Env env);
  // nullptr before Create.
  static Environment* Of(napi_env env);

  Napi::Env env() const { return env_; }
  const std::shared_ptr<JsQueue>& queue() const { return queue_; }

  // The class of errors; empty before JavaScript has set it.
  Napi::FunctionReference error_class;
  // By region id.
  std::unordered_map<uint64_t, RegionUse> regions;
  uint64_t last_subscription = 0;
  std::unordered_map<uint64_t, Subscription> subscriptions;
  // By host id.
  std::unordered_map<uint64_t, ServedHost> served;
  // How densely calls of those come.
  HostSpin calls_spin;
  // When it goes back to its event loop at the latest.
  int64_t turn_ends_ns = 0;
  // JavaScript is going to call hostTurn(), and how often it has done so for the same calls.
  bool turn_expected = false;
  uint32_t microtasks = 0;
  // Of a process that only runs stores: where its hosts come from; -1 in others.
  int parent_link = -1;
  // Processes that this thread has run stores in.
  uint64_t last_link = 0;
  std::unordered_map<uint64_t, std::shared_ptr<HostLink>> links;
  // What was made here and ends with this environment.
  std::unordered_set<uint64_t> hosts;
  std::unordered_set<uint64_t> buffers;
  std::unordered_set<uint64_t> clients;
  std::unordered_set<uint64_t> servers;
  uint64_t last_keeper = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Keeper>> keepers;
  // What is called when who keeps a ledger is gone, by ledger id.
  std::unordered_map<uint64_t, napi_ref> ledgers;

  void Unsubscribe(Subscription& subscription);
  // A thread that maps a region can block in a fault, so it must not run the stores that answer.
  bool MapsRegion() const;

 private:
  explicit Environment(Napi::Env env) : env_(env) {}
  static void CleanUp(void* data);
  void LetGo();

  Napi::Env env_;
  std::shared_ptr<JsQueue> queue_;
};

}  // namespace umap
