// Exports that open regions and tell about them.
#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/kept_ledger.h"
#include "binding/numbers.h"
#include "binding/system_call_warning.h"
#include "engine/engine.h"
#include "engine/shared_region.h"
#include "store/committing_store.h"
#include "store/file_store.h"
#include "store/host_store.h"

namespace umap {

namespace {

// Reads the fields of one store specification.
class StoreSpec {
 public:
  StoreSpec(Arguments& arguments, Napi::Value spec) : arguments_(arguments), spec_(spec) {}

  std::string Text(const char* name) { return arguments_.Text(Field(name), name); }
  bool Boolean(const char* name) { return arguments_.Boolean(Field(name), name); }
  uint64_t Whole(const char* name, uint64_t max = Arguments::kWholeMax) {
    return arguments_.Whole(Field(name), name, max);
  }
  uint64_t WholeOr(const char* name, uint64_t max, uint64_t absent) {
    return arguments_.WholeOr(Field(name), name, max, absent);
  }
  Napi::Value Field(const char* name) { return arguments_.Field(spec_, name); }

 private:
  Arguments& arguments_;
  const Napi::Value spec_;
};

// Both return nullptr when an exception is pending.

std::shared_ptr<Store> OpenFileSpec(Arguments& arguments, StoreSpec spec) {
  FileStoreOptions options;
  options.fd = static_cast<int>(spec.Whole("fd", INT32_MAX));
  options.direct = spec.Boolean("direct");
  options.byte_length = spec.Whole("byteLength");
  options.writable = spec.Boolean("writable");
  options.label = spec.Text("label");
  options.call_bytes_max = spec.WholeOr("callBytesMax", Arguments::kWholeMax, 0);
  options.concurrency_max =
      static_cast<uint32_t>(spec.WholeOr("concurrencyMax", UINT32_MAX, 0));
  if (!arguments.ok()) return nullptr;
  Status status;
  auto store = OpenFileStore(options, &status);
  if (store == nullptr) Throw(arguments.env(), status);
  return store;
}

std::shared_ptr<Store> OpenHostSpec(Arguments& arguments, StoreSpec spec) {
  const auto host = Found<StoreHost>(arguments, spec.Field("hostId"), "store host");
  if (host == nullptr) return nullptr;
  StoreTraits traits;
  const uint64_t key = spec.Whole("storeKey");
  traits.byte_length = spec.Whole("byteLength");
  traits.writable = spec.Boolean("writable");
  traits.call_bytes_max = spec.Whole("callBytesMax");
  traits.concurrency_max = static_cast<uint32_t>(spec.Whole("concurrencyMax", UINT32_MAX));
  traits.can_discard = spec.Boolean("canDiscard");
  std::string label = spec.Text("label");
  if (!arguments.ok()) return nullptr;
  return std::make_shared<HostStore>(host, key, traits, std::move(label));
}

std::shared_ptr<Store> OpenSpec(Arguments& arguments, const Napi::Value& given) {
  StoreSpec spec(arguments, given);
  const std::string kind = spec.Text("kind");
  if (!arguments.ok()) return nullptr;
  if (kind == "file") return OpenFileSpec(arguments, spec);
  if (kind == "host") return OpenHostSpec(arguments, spec);
  napi_throw_type_error(arguments.env(), nullptr, "store.kind must be 'file' or 'host'");
  return nullptr;
}

// 'auto' where nothing was said.
FaultChoice Faults(Arguments& arguments, const Napi::Value& given) {
  if (given.IsUndefined()) return FaultChoice::kAuto;
  const std::string name = arguments.Text(given, "faults");
  if (!arguments.ok() || name == "auto") return FaultChoice::kAuto;
  if (name == "userfaultfd") return FaultChoice::kUserfaultfd;
  if (name == "signal") return FaultChoice::kSignal;
  if (name == "in-thread") return FaultChoice::kInThread;
  if (name == "shared") return FaultChoice::kShared;
  arguments.Fail("faults", "'auto', 'userfaultfd', 'signal', 'in-thread' or 'shared'");
  return FaultChoice::kAuto;
}

// The pages of a data set for a server's clients: from the ledger, if one is given. Nothing where
// an exception is pending.
std::shared_ptr<SharedPages> OpenPages(Arguments& arguments, const Napi::Value& given,
                                       const RegionFacts& facts) {
  const Napi::Value ledger_id = arguments.Field(given, "ledgerId");
  auto ledger = ledger_id.IsUndefined() ? std::make_shared<KeptLedger>(NullLedger())
                                        : Found<KeptLedger>(arguments, ledger_id, "ledger");
  if (ledger == nullptr) return nullptr;
  const std::string name = arguments.Text(arguments.Field(given, "datasetName"), "datasetName");
  if (!arguments.ok()) return nullptr;
  std::shared_ptr<SharedPages> pages;
  const Status status =
      ledger->OpenPages({name, facts.page_bytes, facts.byte_length, facts.writable}, &pages);
  if (!status.ok()) Throw(arguments.env(), status);
  return pages;
}

Napi::Value RegionOpen(Environment& environment, Arguments& arguments) {
  const Napi::Value given = arguments[0];
  RegionOptions options;
  RegionFacts facts;
  facts.writable = arguments.Boolean(arguments.Field(given, "writable"), "writable");
  facts.page_bytes = arguments.Whole(arguments.Field(given, "pageBytes"), "pageBytes");
  facts.byte_length = arguments.Whole(arguments.Field(given, "byteLength"), "byteLength");
  facts.buffer_id = arguments.Whole(arguments.Field(given, "bufferId"), "bufferId");
  options.writable = facts.writable;
  options.page_bytes = facts.page_bytes;
  options.byte_length = facts.byte_length;
  options.store_offset = arguments.Whole(arguments.Field(given, "offset"), "offset");
  options.read_ahead_pages_max =
      arguments.Integer(arguments.Field(given, "readAheadPagesMax"), "readAheadPagesMax");
  options.faults = Faults(arguments, arguments.Field(given, "faults"));
  if (!arguments.ok()) return {};
  options.buffer = Found<PageBuffer>(arguments, arguments.Field(given, "bufferId"), "page buffer");
  if (options.buffer == nullptr) return {};
  options.store = OpenSpec(arguments, arguments.Field(given, "store"));
  if (options.store == nullptr) return {};
  facts.label = options.store->label();
  facts.hosted = !options.store->traits().blocking;
  if (options.faults == FaultChoice::kShared) {
    facts.shared = OpenPages(arguments, given, facts);
    options.shared = facts.shared.get();
    if (options.shared == nullptr) return {};
    // A page that was called clean is not in the next server's hands. A file keeps what it accepted
    // when this process dies; another store may keep only what it has flushed.
    const bool is_kept = !arguments.Field(given, "ledgerId").IsUndefined();
    if (is_kept && facts.hosted) options.store = MakeCommittingStore(std::move(options.store));
  }

  std::shared_ptr<Region> region;
  const Status status = OpenRegion(options, &region);
  if (!status.ok()) return Throw(environment.env(), status);
  // Clients are told by their own process.
  if (facts.shared == nullptr) WarnOfSystemCalls(StatsOf(*region).fault_mode);
  uint64_t id = 0;
  const auto held = HeldRegion::Hold(MappedRegionOf(std::move(region)), facts, &id);
  RegionUse& use = environment.regions[id];
  use.region = held;
  use.references = 1;
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

Napi::Value RegionInfo(Environment& environment, Arguments& arguments) {
  const auto held = Found<HeldRegion>(arguments, arguments[0], "region");
  if (held == nullptr) return {};
  const RegionFacts& facts = held->facts();
  const Napi::Object object = Napi::Object::New(environment.env());
  SetNumber(object, "byteLength", facts.byte_length);
  SetNumber(object, "pageBytes", facts.page_bytes);
  object.Set("writable", Napi::Boolean::New(environment.env(), facts.writable));
  SetNumber(object, "bufferId", facts.buffer_id);
  SetNumber(object, "mapped", held->wraps());
  return object;
}

Napi::Object LatencyObject(Napi::Env env, const LatencySummary& latency) {
  const Napi::Object object = Napi::Object::New(env);
  SetNumber(object, "count", latency.count);
  SetNumber(object, "p50", latency.p50_us);
  SetNumber(object, "p99", latency.p99_us);
  SetNumber(object, "max", latency.max_us);
  return object;
}

Napi::Value RegionStatsOf(Environment& environment, Arguments& arguments) {
  const auto region = FoundOpenRegion(arguments);
  if (region == nullptr) return {};
  const RegionStats stats = region->Stats();
  const Napi::Env env = environment.env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("faultMode", Napi::String::New(env, NameOf(stats.fault_mode)));
  SetNumber(object, "faults", stats.faults);
  SetNumber(object, "fills", stats.fills);
  SetNumber(object, "fillBytes", stats.fill_bytes);
  SetNumber(object, "evictions", stats.evictions);
  SetNumber(object, "standbyHits", stats.standby_hits);
  SetNumber(object, "writeProtectFaults", stats.write_protect_faults);
  SetNumber(object, "writeBacks", stats.write_backs);
  SetNumber(object, "writeBackBytes", stats.write_back_bytes);
  SetNumber(object, "residentBytes", stats.resident_bytes);
  SetNumber(object, "dirtyBytes", stats.dirty_bytes);
  SetNumber(object, "pinnedBytes", stats.pinned_bytes);
  SetNumber(object, "readAheadBytes", stats.read_ahead_bytes);
  SetNumber(object, "readAheadUsedBytes", stats.read_ahead_used_bytes);
  SetNumber(object, "storeErrors", stats.store_errors);
  object.Set("faultLatencyUs", LatencyObject(env, stats.fault_latency));
  object.Set("fillLatencyUs", LatencyObject(env, stats.fill_latency));
  return object;
}

constexpr Export kExports[] = {
    {"regionOpen", Bound<RegionOpen>},
    {"regionInfo", Bound<RegionInfo>},
    {"regionStats", Bound<RegionStatsOf>},
};

}  // namespace

std::span<const Export> RegionExports() { return kExports; }

}  // namespace umap
