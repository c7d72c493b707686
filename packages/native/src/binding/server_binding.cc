// Exports for servers: what other processes map. A server keeps its regions open until it is
// closed, whatever JavaScript does meanwhile, and keeps the event loop alive.
#include <sys/types.h>

#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/held_server.h"
#include "binding/kept_ledger.h"
#include "binding/promise.h"

namespace umap {

namespace {

constexpr uint64_t kModeMax = 0777;

ServerLimits LimitsFrom(Arguments& arguments, const Napi::Value& given) {
  ServerLimits limits;
  const auto read = [&](const char* name, auto* limit) {
    using Number = std::remove_reference_t<decltype(*limit)>;
    const uint64_t max = sizeof(Number) < 8 ? UINT32_MAX : Arguments::kWholeMax;
    *limit = static_cast<Number>(
        arguments.WholeOr(arguments.Field(given, name), name, max, *limit));
  };
  read("clientsMax", &limits.clients_max);
  read("mappingsMax", &limits.mappings_max);
  read("pinnedBytesMax", &limits.pinned_bytes_max);
  read("faultsInFlightMax", &limits.faults_in_flight_max);
  return limits;
}

Napi::Value ServerOpen(Environment& environment, Arguments& arguments) {
  const Napi::Value given = arguments[0];
  ServerOptions options;
  options.socket_path = arguments.Text(arguments.Field(given, "socketPath"), "socketPath");
  options.socket_mode = static_cast<mode_t>(
      arguments.Whole(arguments.Field(given, "socketMode"), "socketMode", kModeMax));
  options.limits = LimitsFrom(arguments, arguments.Field(given, "limits"));
  if (!arguments.ok()) return {};
  options.buffer = Found<PageBuffer>(arguments, arguments.Field(given, "bufferId"), "page buffer");
  if (options.buffer == nullptr) return {};
  const Napi::Value ledger_id = arguments.Field(given, "ledgerId");
  if (!ledger_id.IsUndefined()) {
    const auto ledger = Found<KeptLedger>(arguments, ledger_id, "ledger");
    if (ledger == nullptr) return {};
    options.ledger = ledger->ledger();
  }
  const uint64_t id =
      Table<HeldServer>().Add(std::make_shared<HeldServer>(Server::Create(std::move(options))));
  environment.servers.insert(id);
  environment.queue()->Hold();
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

AllowRule RuleFrom(Arguments& arguments, const Napi::Value& given) {
  AllowRule rule;
  const auto id = [&](const char* name) -> std::optional<uint32_t> {
    const Napi::Value value = arguments.Field(given, name);
    if (value.IsUndefined()) return std::nullopt;
    return static_cast<uint32_t>(arguments.Whole(value, name, UINT32_MAX - 1));
  };
  rule.uid = id("uid");
  rule.gid = id("gid");
  const bool writable = arguments.Boolean(arguments.Field(given, "writable"), "writable");
  rule.access = writable ? wire::Access::kReadWrite : wire::Access::kReadOnly;
  return rule;
}

// The default for undefined.
std::vector<AllowRule> RulesFrom(Arguments& arguments, const Napi::Value& given) {
  if (given.IsUndefined()) return DefaultAllowRules();
  std::vector<AllowRule> rules;
  if (!given.IsArray()) {
    arguments.Fail("allow", "an array");
    return rules;
  }
  const auto array = given.As<Napi::Array>();
  for (uint32_t index = 0; arguments.ok() && index < array.Length(); index++) {
    const Napi::Value item = array.Get(index);
    if (item.IsEmpty()) {
      arguments.Fail("allow", "readable");
    } else {
      rules.push_back(RuleFrom(arguments, item));
    }
  }
  return rules;
}

Napi::Value ServerAddDataset(Environment& environment, Arguments& arguments) {
  const auto server = Found<HeldServer>(arguments, arguments[0], "server");
  if (server == nullptr) return {};
  const Napi::Value given = arguments[1];
  const auto region =
      Found<HeldRegion>(arguments, arguments.Field(given, "regionId"), "region");
  if (region == nullptr) return {};
  const RegionFacts& facts = region->facts();
  DatasetOptions dataset;
  dataset.name = arguments.Text(arguments.Field(given, "name"), "name");
  dataset.allow = RulesFrom(arguments, arguments.Field(given, "allow"));
  dataset.byte_length = facts.byte_length;
  dataset.page_bytes = facts.page_bytes;
  dataset.writable = facts.writable;
  if (!arguments.ok()) return {};
  const auto mapped = region->OpenOrNull();
  if (mapped != nullptr) dataset.region = mapped->engine_region();
  if (dataset.region == nullptr || facts.shared == nullptr) {
    return Throw(environment.env(),
                 Status::Fail(EINVAL, "the region was not opened for a server, or is closed"));
  }
  dataset.pages = facts.shared->pages.get();
  const Status status = server->AddDataset(dataset, region);
  return status.ok() ? Napi::Value() : Throw(environment.env(), status);
}

Napi::Value ServerStart(Environment& environment, Arguments& arguments) {
  const auto server = Found<HeldServer>(arguments, arguments[0], "server");
  if (server == nullptr) return {};
  const Status status = server->server().Start();
  return status.ok() ? Napi::Value() : Throw(environment.env(), status);
}

Napi::Value ServerStatsJson(Environment& environment, Arguments& arguments) {
  const auto server = Found<HeldServer>(arguments, arguments[0], "server");
  if (server == nullptr) return {};
  return Napi::String::New(environment.env(), JsonOf(server->server().Stats()));
}

// The id is dead at once.
Napi::Value ServerClose(Environment& environment, Arguments& arguments) {
  const auto server = Found<HeldServer>(arguments, arguments[0], "server");
  if (server == nullptr) return {};
  const uint64_t id = arguments.Whole(arguments[0], "server");
  Table<HeldServer>().Remove(id);
  environment.servers.erase(id);
  Napi::Value value;
  const Promise promise = Promise::Make(environment, &value);
  environment.queue()->Unhold();
  server->Close([promise](const Status& status) { promise.Settle(status); });
  return value;
}

constexpr Export kExports[] = {
    {"serverOpen", Bound<ServerOpen>},
    {"serverAddDataset", Bound<ServerAddDataset>},
    {"serverStart", Bound<ServerStart>},
    {"serverStats", Bound<ServerStatsJson>},
    {"serverClose", Bound<ServerClose>},
};

}  // namespace

std::span<const Export> ServerExports() { return kExports; }

}  // namespace umap
