// The life of an environment. Node runs cleanup hooks in the reverse order of their registration:
// so ours runs after every external ArrayBuffer was detached and finalized, and before the
// thread-safe function, which it releases itself, is closed by Node.
#include "binding/environment.h"

#include <unistd.h>

#include <utility>

#include "binding/held_server.h"
#include "binding/id_table.h"
#include "binding/kept_ledger.h"
#include "binding/process_exit.h"
#include "client/connection.h"

namespace umap {

namespace {

void DeleteEnvironment(napi_env, void* data, void*) { delete static_cast<Environment*>(data); }

}  // namespace

Environment* Environment::Create(Napi::Env env) {
  auto* const environment = new Environment(env);
  environment->queue_ = JsQueue::Create(env);
  if (environment->queue_ == nullptr ||
      napi_set_instance_data(env, environment, DeleteEnvironment, nullptr) != napi_ok) {
    delete environment;
    return nullptr;
  }
  napi_add_env_cleanup_hook(env, CleanUp, environment);
  return environment;
}

Environment* Environment::Of(napi_env env) {
  void* data = nullptr;
  return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Environment*>(data) : nullptr;
}

void Environment::CleanUp(void* data) {
  static_cast<Environment*>(data)->LetGo();
  // The main thread's environment is the last one: Node has joined all workers before.
  if (getpid() == gettid()) FinishAtExit();
}

void Environment::LetGo() {
  // 1. Nothing can reach this thread's JavaScript any more.
  queue_->Close();
  for (auto& [id, subscription] : subscriptions) Unsubscribe(subscription);
  subscriptions.clear();

  // 2. Calls that were shown to this worker's stores wait for the next worker, or fail.
  for (auto& [id, served_host] : served) {
    served_host.service->Stop();
    napi_delete_reference(env_, served_host.on_call);
  }
  served.clear();
  for (auto& [id, link] : links) link->Close();
  links.clear();
  for (const uint64_t id : hosts) {
    // A thread that is blocked in a fault would be killed by the failure of its call.
    if (IsProcessExiting()) break;
    if (const auto host = Table<StoreHost>().Remove(id)) host->Close();
  }
  hosts.clear();

  // 3. Servers, which keep their regions until they are closed.
  for (const uint64_t id : servers) {
    const auto server = Table<HeldServer>().Remove(id);
    if (server != nullptr && !IsProcessExiting()) server->Close([](const Status&) {});
  }
  servers.clear();
  for (auto& [id, on_gone] : ledgers) {
    napi_delete_reference(env_, on_gone);
    Table<KeptLedger>().Remove(id);
  }
  ledgers.clear();
  keepers.clear();

  // 4. Regions. ArrayBuffers are gone by now; a SharedArrayBuffer goes with the isolate and tells
  //    the region by its finalizer, which needs no environment.
  for (auto& [id, use] : regions) {
    for (const MappedBuffer& buffer : {use.exclusive, use.shared}) {
      if (buffer.reference != nullptr) napi_delete_reference(env_, buffer.reference);
    }
    // At the end of the process there is nothing to close for: FinishAtExit writes back.
    if (!IsProcessExiting()) use.region->AbandonReferences(use.references);
  }
  regions.clear();
  for (const uint64_t id : buffers) Table<PageBuffer>().Remove(id);
  buffers.clear();
  for (const uint64_t id : clients) {
    if (const auto connection = Table<Connection>().Remove(id)) connection->Release();
  }
  clients.clear();
  error_class.Reset();
}

void Environment::Unsubscribe(Subscription& subscription) {
  if (const auto region = subscription.region->OpenOrNull()) {
    region->Unsubscribe(subscription.engine_id);
  }
  napi_delete_reference(env_, subscription.on_event);
}

bool Environment::MapsRegion() const {
  for (const auto& [id, use] : regions) {
    if (use.mappings > 0) return true;
  }
  return false;
}

}  // namespace umap
