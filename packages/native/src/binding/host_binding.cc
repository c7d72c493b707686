// Exports for who has store hosts: creates, looks at and closes them. Any JavaScript thread but one
// that runs stores.
#include <algorithm>
#include <chrono>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/host_binding.h"
#include "binding/numbers.h"
#include "binding/process_exit.h"
#include "store/store_host.h"

namespace umap {

namespace {

constexpr uint64_t kGraceMsMax = UINT32_MAX;
constexpr uint64_t kArenaBytesMax = uint64_t{4} << 30;

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

// Of an id that is gone already too, because closing twice is no mistake.
Napi::Value HostClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "store host");
  if (!arguments.ok()) return {};
  if (const auto host = Table<StoreHost>().Remove(id)) host->Close();
  environment.hosts.erase(id);
  StopServing(environment, id);
  return {};
}

constexpr Export kExports[] = {
    {"hostCreate", Bound<HostCreate>},
    {"hostCalls", Bound<HostCalls>},
    {"hostClose", Bound<HostClose>},
};

}  // namespace

std::span<const Export> HostExports() { return kExports; }

}  // namespace umap
