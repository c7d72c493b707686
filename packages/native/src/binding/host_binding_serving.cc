// Exports for the thread that runs stores: it serves store hosts. Calls are shown in rounds, so
// that its other work gets its turn. While calls come densely and are answered at once, it waits
// for the next one here instead of in its event loop, which costs twice as much; never for long,
// for timers, messages and microtasks wait meanwhile.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>
#include <vector>

#include "binding/exports.h"
#include "binding/external_memory.h"
#include "binding/found.h"
#include "binding/host_binding.h"
#include "os/clock.h"

namespace umap {

namespace {

constexpr int kCallsPerRound = 64;
// The event loop gets its turn after that, however densely calls come.
constexpr int64_t kTurnNs = 2'000'000;
// Calls that come less often are left to the event loop.
constexpr int64_t kGapMaxNs = 250'000;
constexpr int64_t kSleepMinNs = 100'000;
// A promise that is not settled by then waits for more than microtasks.
constexpr uint32_t kMicrotasksMax = 8;

// The arguments of a call's JavaScript function, in this order.
constexpr size_t kCallArguments = 6;

bool MakeArguments(napi_env env, const HostCall& call, napi_value (&arguments)[kCallArguments]) {
  const double numbers[kCallArguments] = {
      static_cast<double>(call.token),       static_cast<double>(call.store_key),
      static_cast<double>(call.op),          static_cast<double>(call.offset),
      static_cast<double>(call.byte_length), static_cast<double>(call.arena_offset)};
  for (size_t i = 0; i < kCallArguments; ++i) {
    if (napi_create_double(env, numbers[i], &arguments[i]) != napi_ok) return false;
  }
  return true;
}

// The call does not go on in JavaScript: forgets it, and lets the event loop end.
bool TakeToken(Environment& environment, ServedHost& served, uint64_t token) {
  if (served.tokens.erase(token) == 0) return false;
  environment.queue()->Unhold();
  return true;
}

void ShowCallsLater(Napi::Env env, uint64_t id);

void ShowCalls(Napi::Env env, uint64_t id) {
  Environment* const environment = Environment::Of(env);
  for (int shown = 0; shown < kCallsPerRound; ++shown) {
    const Napi::HandleScope scope(env);
    const auto found = environment->served.find(id);
    if (found == environment->served.end()) return;
    const std::shared_ptr<HostService> service = found->second.service;
    HostCall call;
    if (!service->TakeCall(&call)) return;
    environment->calls_spin.NoteEvent();
    found->second.tokens.insert(call.token);
    environment->queue()->Hold();

    napi_value on_call = nullptr;
    napi_value result = nullptr;
    napi_value arguments[kCallArguments];
    const bool called =
        MakeArguments(env, call, arguments) &&
        napi_get_reference_value(env, found->second.on_call, &on_call) == napi_ok &&
        napi_call_function(env, env.Undefined(), on_call, kCallArguments, arguments, &result) ==
            napi_ok;
    // It threw, and as an uncaught exception that ends the worker. Or the worker is being ended
    // already. Either way the call waits for the next one.
    if (!called) break;
    bool turns = false;
    if (napi_get_value_bool(env, result, &turns) == napi_ok && turns) {
      environment->turn_expected = true;
    }
  }
  environment->queue()->Post([id](Napi::Env next) { ShowCallsLater(next, id); });
}

// A task of the queue may find a thread that ends already, where nothing can be called.
void ShowCallsLater(Napi::Env env, uint64_t id) {
  if (CanRunScript(env)) ShowCalls(env, id);
}

bool AllAnswered(const Environment& environment) {
  return std::all_of(environment.served.begin(), environment.served.end(),
                     [](const auto& each) { return each.second.tokens.empty(); });
}

// Waits for the next call of any host. False: none came in time.
bool AwaitCalls(Environment& environment, int64_t turn_ends_ns) {
  std::vector<int> fds;
  std::vector<HostService*> remote;
  for (const auto& [id, served] : environment.served) {
    if (served.service->fd() < 0) continue;
    fds.push_back(served.service->fd());
    remote.push_back(served.service.get());
  }
  const HostSpin& spin = environment.calls_spin;
  const int64_t sleep_ns = std::clamp(4 * spin.gap_ns(), kSleepMinNs, kTurnNs);
  const auto look = [&remote] {
    return std::any_of(remote.begin(), remote.end(), std::mem_fn(&HostService::HasCall));
  };
  const int64_t spin_until_ns = std::min(spin.SpinUntilNs(), turn_ends_ns);
  return environment.queue()->Await(spin_until_ns, sleep_ns, look, fds);
}

// Waits for calls and shows them. False: none came, or the turn is over.
bool ShowNextCalls(Napi::Env env, Environment& environment) {
  const bool waits = environment.calls_spin.gap_ns() <= kGapMaxNs &&
                     NowNs() < environment.turn_ends_ns && CanRunScript(env);
  if (!waits || !AwaitCalls(environment, environment.turn_ends_ns)) return false;
  std::vector<uint64_t> called;
  for (const auto& [id, served] : environment.served) {
    if (served.service->HasCall()) called.push_back(id);
  }
  for (const uint64_t id : called) {
    JsQueue::RunTask(env, [id](Napi::Env next) { ShowCalls(next, id); });
  }
  environment.queue()->Run(env);
  return true;
}

void LeaveToEventLoop(Environment& environment) {
  for (const auto& [id, served] : environment.served) served.service->Watch();
}

// The queue's Idle, see there: for stores that answer before they return.
bool WaitInTurn(Napi::Env env, int64_t began_ns) {
  Environment* const environment = Environment::Of(env);
  environment->turn_ends_ns = began_ns + kTurnNs;
  while (AllAnswered(*environment)) {
    if (ShowNextCalls(env, *environment)) continue;
    LeaveToEventLoop(*environment);
    return false;
  }
  // Answers that need nothing but microtasks: HostTurn goes on.
  environment->microtasks = 0;
  if (!environment->turn_expected) LeaveToEventLoop(*environment);
  return false;
}

// The same from a microtask, for stores that answer by a promise without waiting for anything.
Napi::Value HostTurn(Environment& environment, Arguments&) {
  const Napi::Env env = environment.env();
  bool again = true;
  if (AllAnswered(environment)) {
    environment.microtasks = 0;
    again = ShowNextCalls(env, environment);
  } else {
    again = ++environment.microtasks < kMicrotasksMax;
  }
  environment.turn_expected = again;
  if (!again) LeaveToEventLoop(environment);
  return Napi::Boolean::New(env, again);
}

Napi::Value HostServe(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  const Napi::Function on_call = arguments.Function(arguments[1], "onCall");
  if (!arguments.ok()) return {};
  const Napi::Env env = environment.env();
  if (environment.MapsRegion()) {
    return Throw(env, Status::Fail(EDEADLK,
                                   "this thread maps a region: it must run no stores, because a "
                                   "thread that is blocked in a fault cannot answer it"));
  }

  const auto wake = [queue = environment.queue(), id] {
    queue->Post([id](Napi::Env next) { ShowCallsLater(next, id); });
  };
  ServedHost served;
  Status status;
  if (environment.parent_link >= 0) {
    status = ServeRemotely(environment.parent_link, wake, &served.service);
  } else {
    const auto host = Found<StoreHost>(arguments, arguments[0], "store host");
    if (host == nullptr) return {};
    status = ServeLocally(host, wake, &served.service);
  }
  if (!status.ok()) return Throw(env, status);
  const std::shared_ptr<HostArena> arena = served.service->arena();
  const Napi::Value value = WrapMemory(env, arena->data(), arena->bytes(), false, arena);
  if (value.IsEmpty() || napi_create_reference(env, on_call, 1, &served.on_call) != napi_ok) {
    served.service->Stop();
    return {};
  }
  environment.queue()->SetIdle(WaitInTurn);
  environment.served[id] = std::move(served);
  return value;
}

Napi::Value HostUnserve(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  if (arguments.ok()) StopServing(environment, id);
  return {};
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
  found->second.service->Complete(token, outcome, std::move(status));
  return {};
}

constexpr Export kExports[] = {
    {"hostServe", Bound<HostServe>},
    {"hostUnserve", Bound<HostUnserve>},
    {"hostTurn", Bound<HostTurn>},
    {"hostComplete", Bound<HostComplete>},
};

}  // namespace

void StopServing(Environment& environment, uint64_t id) {
  const auto found = environment.served.find(id);
  if (found == environment.served.end()) return;
  const ServedHost served = std::move(found->second);
  environment.served.erase(found);
  served.service->Stop();
  napi_delete_reference(environment.env(), served.on_call);
  for (size_t count = served.tokens.size(); count > 0; --count) environment.queue()->Unhold();
}

std::span<const Export> HostServingExports() { return kExports; }

}  // namespace umap
