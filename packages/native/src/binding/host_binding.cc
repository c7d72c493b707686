// Exports for store hosts: who supervises one creates and closes it, the worker that runs the
// stores serves it. A worker is shown calls in rounds, so that its other work gets its turn.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "binding/exports.h"
#include "binding/external_memory.h"
#include "binding/found.h"
#include "binding/numbers.h"
#include "binding/process_exit.h"
#include "store/store_host.h"

namespace umap {

namespace {

constexpr int kCallsPerRound = 64;
constexpr uint64_t kGraceMsMax = UINT32_MAX;
constexpr uint64_t kArenaBytesMax = uint64_t{4} << 30;

const char* OpText(StoreOp op) {
  switch (op) {
    case StoreOp::kRead:
      return "read";
    case StoreOp::kWrite:
      return "write";
    case StoreOp::kFlush:
      return "flush";
    case StoreOp::kDiscard:
      return "discard";
  }
  return "";
}

// Supervisor --------------------------------------------------------------------------------------

Napi::Value HostCreate(Environment& environment, Arguments& arguments) {
  const Napi::Value given = arguments[0];
  StoreHostOptions options;
  options.arena_bytes =
      arguments.Whole(arguments.Field(given, "arenaBytes"), "arenaBytes", kArenaBytesMax);
  options.grace = std::chrono::milliseconds(
      arguments.Whole(arguments.Field(given, "graceMs"), "graceMs", kGraceMsMax));
  if (!arguments.ok()) return {};
  const auto host = std::make_shared<StoreHost>(options);
  const uint64_t id = Table<StoreHost>().Add(host);
  if (IsProcessExiting()) host->KeepWaiting();
  environment.hosts.insert(id);
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

Napi::Value HostCalls(Environment& environment, Arguments& arguments) {
  const auto host = Found<StoreHost>(arguments, arguments[0], "store host");
  if (host == nullptr) return {};
  const HostCallStats stats = host->Stats();
  Napi::Object object = Napi::Object::New(environment.env());
  object.Set("served", Napi::Boolean::New(environment.env(), stats.served));
  SetNumber(object, "pending", stats.pending);
  SetNumber(object, "inFlight", stats.in_flight);
  SetNumber(object, "oldestAgeMs", stats.oldest_age_ms);
  SetNumber(object, "completed", stats.completed);
  SetNumber(object, "failed", stats.failed);
  SetNumber(object, "requeued", stats.requeued);
  return object;
}

void StopServing(Environment& environment, uint64_t id) {
  const auto found = environment.served.find(id);
  if (found == environment.served.end()) return;
  const ServedHost served = std::move(found->second);
  environment.served.erase(found);
  served.host->Detach(served.session);
  napi_delete_reference(environment.env(), served.on_call);
  for (size_t count = served.tokens.size(); count > 0; --count) environment.queue()->Unhold();
}

// Of an id that is gone already too, because closing twice is no mistake.
Napi::Value HostClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  if (!arguments.ok()) return {};
  if (const auto host = Table<StoreHost>().Remove(id)) host->Close();
  environment.hosts.erase(id);
  StopServing(environment, id);
  return {};
}

// Worker ------------------------------------------------------------------------------------------

Napi::Object CallObject(Napi::Env env, const HostCall& call) {
  Napi::Object object = Napi::Object::New(env);
  SetNumber(object, "token", call.token);
  SetNumber(object, "storeKey", call.store_key);
  object.Set("op", Napi::String::New(env, OpText(call.op)));
  SetNumber(object, "offset", call.offset);
  SetNumber(object, "byteLength", call.byte_length);
  SetNumber(object, "arenaOffset", call.arena_offset);
  return object;
}

// The call does not go on in JavaScript: forgets it, and lets the event loop end.
bool TakeToken(Environment& environment, ServedHost& served, uint64_t token) {
  if (served.tokens.erase(token) == 0) return false;
  environment.queue()->Unhold();
  return true;
}

void ShowCalls(Napi::Env env, uint64_t id) {
  Environment* const environment = Environment::Of(env);
  for (int shown = 0; shown < kCallsPerRound; ++shown) {
    const Napi::HandleScope scope(env);
    const auto found = environment->served.find(id);
    if (found == environment->served.end()) return;
    const std::shared_ptr<StoreHost> host = found->second.host;
    HostCall call;
    if (!host->TakeCall(found->second.session, &call)) return;
    found->second.tokens.insert(call.token);
    environment->queue()->Hold();

    napi_value on_call = nullptr;
    napi_value result = nullptr;
    const napi_value argument = CallObject(env, call);
    const bool called =
        napi_get_reference_value(env, found->second.on_call, &on_call) == napi_ok &&
        napi_call_function(env, env.Undefined(), on_call, 1, &argument, &result) == napi_ok;
    // It threw, and as an uncaught exception that ends the worker. Or the worker is being ended
    // already. Either way the call waits for the next one.
    if (!called) break;
  }
  environment->queue()->Post([id](Napi::Env next) {
    if (CanRunScript(next)) ShowCalls(next, id);
  });
}

Napi::Value HostServe(Environment& environment, Arguments& arguments) {
  const auto host = Found<StoreHost>(arguments, arguments[0], "store host");
  if (host == nullptr) return {};
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  const Napi::Function on_call = arguments.Function(arguments[1], "onCall");
  if (!arguments.ok()) return {};
  const Napi::Env env = environment.env();
  if (environment.MapsRegion()) {
    return Throw(env, Status::Fail(EDEADLK,
                                   "this thread maps a region: it must run no stores, because a "
                                   "thread that is blocked in a fault cannot answer it"));
  }

  ServedHost served;
  served.host = host;
  std::shared_ptr<HostArena> arena;
  const Status status = host->Attach(
      [queue = environment.queue(), id] {
        queue->Post([id](Napi::Env next) { ShowCalls(next, id); });
      },
      &served.session, &arena);
  if (!status.ok()) return Throw(env, status);
  uint8_t* const data = arena->data();
  const size_t bytes = arena->bytes();
  const Napi::Value value = WrapMemory(env, data, bytes, false, std::move(arena));
  if (value.IsEmpty() || napi_create_reference(env, on_call, 1, &served.on_call) != napi_ok) {
    host->Detach(served.session);
    return {};
  }
  environment.served[id] = std::move(served);
  return value;
}

Napi::Value HostComplete(Environment& environment, Arguments& arguments) {
  constexpr auto kOutcomeMax = static_cast<uint64_t>(HostOutcome::kError);
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  const uint64_t token = arguments.Whole(arguments[1], "token");
  const auto outcome =
      static_cast<HostOutcome>(arguments.Whole(arguments[2], "outcome", kOutcomeMax));
  std::string json;
  if (!arguments[3].IsUndefined()) json = arguments.Text(arguments[3], "errorJson");
  if (!arguments.ok()) return {};
  const auto found = environment.served.find(id);
  if (found == environment.served.end() || !TakeToken(environment, found->second, token)) return {};
  Status status;
  if (outcome == HostOutcome::kError) status = StatusOfStoreError(environment.env(), json);
  found->second.host->Complete(token, outcome, std::move(status));
  return {};
}

constexpr Export kExports[] = {
    {"hostCreate", Bound<HostCreate>},   {"hostServe", Bound<HostServe>},
    {"hostComplete", Bound<HostComplete>}, {"hostCalls", Bound<HostCalls>},
    {"hostClose", Bound<HostClose>},
};

}  // namespace

std::span<const Export> HostExports() { return kExports; }

}  // namespace umap
