// Exports of a server's clients: connect, map, close. What takes time runs on threads of the client
// library; what it made is given to JavaScript on its thread, or back where that is gone.
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/numbers.h"
#include "binding/promise.h"
#include "binding/system_call_warning.h"
#include "client/connection.h"

namespace umap {

namespace {

using std::chrono::milliseconds;

// Longer than any program runs.
constexpr uint64_t kTimeoutMsMax = uint64_t{1} << 31;
constexpr uint64_t kFeatureBitsMax = 63;
constexpr milliseconds kStatsTimeMax{10'000};

// A connection on its way to JavaScript.
class NewConnection {
 public:
  explicit NewConnection(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  ~NewConnection() {
    if (connection_ != nullptr) connection_->Release();
  }
  NewConnection(const NewConnection&) = delete;
  NewConnection& operator=(const NewConnection&) = delete;

  Napi::Value Give(Napi::Env env) {
    const uint64_t id = Table<Connection>().Add(std::exchange(connection_, nullptr));
    Environment::Of(env)->clients.insert(id);
    return Napi::Number::New(env, static_cast<double>(id));
  }

 private:
  std::shared_ptr<Connection> connection_;
};

// The same for a mapped data set.
class NewMapping {
 public:
  NewMapping(MappedDataset mapped, RegionFacts facts)
      : mapped_(std::move(mapped)), facts_(std::move(facts)) {}
  ~NewMapping() {
    if (mapped_.region != nullptr) mapped_.region->Close([](const Status&) {});
  }
  NewMapping(const NewMapping&) = delete;
  NewMapping& operator=(const NewMapping&) = delete;

  Napi::Value Give(Napi::Env env) {
    uint64_t id = 0;
    if (mapped_.region != nullptr) {
      auto held = HeldRegion::Hold(std::exchange(mapped_.region, nullptr), facts_, &id);
      RegionUse& use = Environment::Of(env)->regions[id];
      use.region = std::move(held);
      use.references = 1;
    }
    const Napi::Object object = Napi::Object::New(env);
    SetNumber(object, "regionId", id);
    SetNumber(object, "byteLength", mapped_.byte_length);
    SetNumber(object, "pageBytes", mapped_.page_bytes);
    return object;
  }

 private:
  MappedDataset mapped_;
  const RegionFacts facts_;
};

// Runs `work` where it may wait; it settles the promise.
Napi::Value InJob(Environment& environment, std::function<void(const Promise&)> work) {
  Napi::Value value;
  const Promise promise = Promise::Make(environment, &value);
  const Status started = RunClientJob([promise, work = std::move(work)] { work(promise); });
  if (!started.ok()) promise.Settle(started);
  return value;
}

Napi::Value ClientConnect(Environment& environment, Arguments& arguments) {
  ConnectOptions options;
  options.path = arguments.Text(arguments[0], "path");
  const Napi::Value given = arguments[1];
  options.server_timeout = milliseconds(arguments.Whole(
      arguments.Field(given, "serverTimeoutMs"), "serverTimeoutMs", kTimeoutMsMax));
  for (const uint64_t bit : arguments.Wholes(arguments.Field(given, "featuresDenied"),
                                             "featuresDenied", kFeatureBitsMax)) {
    options.faults.features_denied |= uint64_t{1} << bit;
  }
  if (!arguments.ok()) return {};
  return InJob(environment, [options](const Promise& promise) {
    std::shared_ptr<Connection> connection;
    const Status status = Connection::Connect(options, &connection);
    const auto made = std::make_shared<NewConnection>(std::move(connection));
    promise.Settle(status, [made](Napi::Env env) { return made->Give(env); });
  });
}

Napi::Value ClientMap(Environment& environment, Arguments& arguments) {
  const auto connection = Found<Connection>(arguments, arguments[0], "client");
  if (connection == nullptr) return {};
  const std::string name = arguments.Text(arguments[1], "name");
  const bool writable = arguments.Boolean(arguments[2], "writable");
  if (!arguments.ok()) return {};
  return InJob(environment, [connection, name, writable](const Promise& promise) {
    MappedDataset mapped;
    const Status status = connection->Map(name, writable, &mapped);
    if (status.ok()) WarnOfSystemCalls(connection->mode());
    RegionFacts facts;
    facts.writable = writable;
    facts.page_bytes = mapped.page_bytes;
    facts.byte_length = mapped.byte_length;
    facts.label = "data set " + name;
    const auto made = std::make_shared<NewMapping>(std::move(mapped), std::move(facts));
    promise.Settle(status, [made](Napi::Env env) { return made->Give(env); });
  });
}

// Of a client that is closed already too.
Napi::Value ClientClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "client");
  if (!arguments.ok()) return {};
  environment.clients.erase(id);
  if (const auto connection = Table<Connection>().Remove(id)) connection->Release();
  return {};
}

Napi::Value ClientServerStats(Environment& environment, Arguments& arguments) {
  const std::string path = arguments.Text(arguments[0], "path");
  if (!arguments.ok()) return {};
  return InJob(environment, [path](const Promise& promise) {
    std::string json;
    const Status status = Connection::ServerStats(path, kStatsTimeMax, &json);
    promise.Settle(status, [json](Napi::Env env) { return Napi::String::New(env, json); });
  });
}

constexpr Export kExports[] = {
    {"clientConnect", Bound<ClientConnect>},
    {"clientMap", Bound<ClientMap>},
    {"clientClose", Bound<ClientClose>},
    {"clientServerStats", Bound<ClientServerStats>},
};

}  // namespace

std::span<const Export> ClientExports() { return kExports; }

}  // namespace umap
