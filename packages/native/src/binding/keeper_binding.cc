// Exports for what outlives a server: the keeper, in the process that starts servers, and the
// ledger at its other end, in the server.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/kept_ledger.h"
#include "binding/numbers.h"
#include "server/keeper.h"

namespace umap {

namespace {

constexpr uint64_t kDescriptorMax = INT32_MAX;

// The supervising process -------------------------------------------------------------------------

Keeper* FoundKeeper(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "keeper");
  if (!arguments.ok()) return nullptr;
  const auto found = environment.keepers.find(id);
  if (found != environment.keepers.end()) return found->second.get();
  Throw(environment.env(), Status::Fail(EBADF, "there is no such keeper in this thread"));
  return nullptr;
}

Napi::Value KeeperOpen(Environment& environment, Arguments&) {
  const uint64_t id = ++environment.last_keeper;
  environment.keepers[id] = std::make_unique<Keeper>();
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

Napi::Value KeeperRenew(Environment& environment, Arguments& arguments) {
  Keeper* const keeper = FoundKeeper(environment, arguments);
  if (keeper == nullptr) return {};
  UniqueFd server_end;
  const Status status = keeper->Renew(&server_end);
  if (!status.ok()) return Throw(environment.env(), status);
  return Napi::Number::New(environment.env(), server_end.Release());
}

Napi::Value KeeperKeys(Environment& environment, Arguments& arguments) {
  const Keeper* const keeper = FoundKeeper(environment, arguments);
  if (keeper == nullptr) return {};
  const Napi::Array keys = Napi::Array::New(environment.env());
  for (const std::string& key : keeper->Keys()) keys.Set(keys.Length(), key);
  return keys;
}

// Of one that is closed already too.
Napi::Value KeeperClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "keeper");
  if (arguments.ok()) environment.keepers.erase(id);
  return {};
}

// The server's process ----------------------------------------------------------------------------

void TellGone(Napi::Env env, uint64_t id) {
  Environment* const environment = Environment::Of(env);
  const auto found = environment->ledgers.find(id);
  napi_value on_gone = nullptr;
  if (found == environment->ledgers.end() ||
      napi_get_reference_value(env, found->second, &on_gone) != napi_ok) {
    return;
  }
  napi_value result = nullptr;
  napi_call_function(env, env.Undefined(), on_gone, 0, nullptr, &result);
}

Napi::Value LedgerOpen(Environment& environment, Arguments& arguments) {
  const uint64_t fd = arguments.Whole(arguments[0], "fd", kDescriptorMax);
  const Napi::Function on_gone = arguments.Function(arguments[1], "onGone");
  if (!arguments.ok()) return {};
  // Known before the ledger is: its keeper may be gone at once.
  const auto number = std::make_shared<std::atomic<uint64_t>>(0);
  std::shared_ptr<Ledger> ledger;
  // The caller's own, which may be anything, is closed only when it is a ledger's.
  UniqueFd socket(fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 0));
  if (!socket) return Throw(environment.env(), SystemError(errno, "taking over a ledger"));
  const Status status = OpenLedger(
      std::move(socket),
      [queue = environment.queue(), number] {
        queue->Post([number](Napi::Env env) { TellGone(env, *number); });
      },
      &ledger);
  if (!status.ok()) return Throw(environment.env(), status);
  close(static_cast<int>(fd));
  napi_ref reference = nullptr;
  if (napi_create_reference(environment.env(), on_gone, 1, &reference) != napi_ok) return {};
  *number = Table<KeptLedger>().Add(std::make_shared<KeptLedger>(std::move(ledger)));
  environment.ledgers[*number] = reference;
  return Napi::Number::New(environment.env(), static_cast<double>(number->load()));
}

Napi::Value LedgerFacts(Environment& environment, Arguments& arguments) {
  const auto ledger = Found<KeptLedger>(arguments, arguments[0], "ledger");
  if (ledger == nullptr) return {};
  const Napi::Env env = environment.env();
  const Napi::Array datasets = Napi::Array::New(env);
  for (const KeptDataset& dataset : ledger->Datasets()) {
    const Napi::Object object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, dataset.name));
    SetNumber(object, "pageBytes", dataset.page_bytes);
    SetNumber(object, "byteLength", dataset.byte_length);
    object.Set("writable", Napi::Boolean::New(env, dataset.writable));
    datasets.Set(datasets.Length(), object);
  }
  const Napi::Object facts = Napi::Object::New(env);
  SetNumber(facts, "generation", ledger->ledger()->generation());
  facts.Set("datasets", datasets);
  return facts;
}

Napi::Value LedgerDropDataset(Environment&, Arguments& arguments) {
  const auto ledger = Found<KeptLedger>(arguments, arguments[0], "ledger");
  if (ledger == nullptr) return {};
  const std::string name = arguments.Text(arguments[1], "name");
  if (arguments.ok()) ledger->DropPages(name);
  return {};
}

// Of one that is closed already too. Servers and regions that use it keep it.
Napi::Value LedgerClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "ledger");
  const auto found = environment.ledgers.find(id);
  if (!arguments.ok() || found == environment.ledgers.end()) return {};
  napi_delete_reference(environment.env(), found->second);
  environment.ledgers.erase(found);
  Table<KeptLedger>().Remove(id);
  return {};
}

constexpr Export kExports[] = {
    {"keeperOpen", Bound<KeeperOpen>},
    {"keeperRenew", Bound<KeeperRenew>},
    {"keeperKeys", Bound<KeeperKeys>},
    {"keeperClose", Bound<KeeperClose>},
    {"ledgerOpen", Bound<LedgerOpen>},
    {"ledgerFacts", Bound<LedgerFacts>},
    {"ledgerDropDataset", Bound<LedgerDropDataset>},
    {"ledgerClose", Bound<LedgerClose>},
};

}  // namespace

std::span<const Export> KeeperExports() { return kExports; }

}  // namespace umap
