// See server_stats.h.
#include "server/server_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <type_traits>

#include "os/fault_mode.h"

namespace umap {
namespace {

// Writes objects and arrays; who uses it closes what it opens.
class Json {
 public:
  Json& Key(std::string_view key) {
    Comma();
    Text(key);
    text_ += ':';
    first_ = true;
    return *this;
  }
  Json& Open(char bracket) {
    Comma();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Json& Close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  template <typename T>
  Json& Value(const T& value) {
    Comma();
    if constexpr (std::is_same_v<T, bool>) {
      text_ += value ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
      char number[32];
      std::snprintf(number, sizeof number, "%.3f", value);
      text_ += number;
    } else if constexpr (std::is_integral_v<T>) {
      text_ += std::to_string(value);
    } else {
      Text(value);
    }
    return *this;
  }
  template <typename T>
  Json& Field(std::string_view key, const T& value) {
    return Key(key).Value(value);
  }

  std::string Take() { return std::move(text_); }

 private:
  void Comma() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void Text(std::string_view text) {
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') text_ += '\\';
      // Names of data sets have no control characters.
      text_ += c;
    }
    text_ += '"';
  }

  std::string text_;
  bool first_ = true;
};

void Write(Json& json, const LatencySummary& latency) {
  json.Open('{').Field("count", latency.count).Field("p50", latency.p50_us);
  json.Field("p99", latency.p99_us).Field("max", latency.max_us).Close('}');
}

void Write(Json& json, const ClientFaultStats& faults) {
  json.Open('{').Field("faults", faults.faults).Field("residentFaults", faults.resident_faults);
  Write(json.Key("latencyUs"), faults.latency);
  json.Close('}');
}

void Write(Json& json, const BufferStats& buffer) {
  json.Open('{').Field("budgetBytes", buffer.budget_bytes);
  json.Field("residentBytes", buffer.resident_bytes);
  json.Field("residentBytesMax", buffer.resident_bytes_max);
  json.Field("mappedBytes", buffer.mapped_bytes).Field("standbyBytes", buffer.standby_bytes);
  json.Field("dirtyBytes", buffer.dirty_bytes).Field("regions", buffer.regions).Close('}');
}

void Write(Json& json, const RegionStats& region) {
  json.Open('{').Field("faultMode", std::string_view(NameOf(region.fault_mode)));
  json.Field("faults", region.faults).Field("fills", region.fills);
  json.Field("fillBytes", region.fill_bytes).Field("evictions", region.evictions);
  json.Field("standbyHits", region.standby_hits);
  json.Field("writeProtectFaults", region.write_protect_faults);
  json.Field("writeBacks", region.write_backs).Field("writeBackBytes", region.write_back_bytes);
  json.Field("residentBytes", region.resident_bytes).Field("dirtyBytes", region.dirty_bytes);
  json.Field("pinnedBytes", region.pinned_bytes);
  json.Field("readAheadBytes", region.read_ahead_bytes);
  json.Field("readAheadUsedBytes", region.read_ahead_used_bytes);
  json.Field("storeErrors", region.store_errors);
  Write(json.Key("faultLatencyUs"), region.fault_latency);
  Write(json.Key("fillLatencyUs"), region.fill_latency);
  json.Close('}');
}

void Write(Json& json, const DatasetStats& dataset) {
  json.Open('{').Field("name", dataset.name).Field("writable", dataset.writable);
  json.Field("byteLength", dataset.byte_length).Field("pageBytes", dataset.page_bytes);
  json.Field("mappings", dataset.mappings);
  Write(json.Key("region"), dataset.region);
  Write(json.Key("clients"), dataset.clients);
  json.Close('}');
}

void Write(Json& json, const ClientMappingStats& mapping) {
  json.Open('{').Field("dataset", mapping.dataset).Field("writable", mapping.writable);
  json.Field("pinnedBytes", mapping.pinned_bytes).Field("waiting", mapping.waiting);
  Write(json.Key("faults"), mapping.faults);
  json.Close('}');
}

void Write(Json& json, const ClientStats& client) {
  json.Open('{').Field("client", client.client).Field("pid", client.pid);
  json.Field("uid", client.uid).Field("gid", client.gid);
  json.Field("pinnedBytes", client.pinned_bytes);
  json.Field("faultsInFlight", client.faults_in_flight);
  json.Field("requestsInFlight", client.requests_in_flight);
  json.Key("mappings").Open('[');
  for (const ClientMappingStats& mapping : client.mappings) Write(json, mapping);
  json.Close(']').Close('}');
}

}  // namespace

std::string JsonOf(const ServerStats& stats) {
  Json json;
  json.Open('{').Field("generation", stats.generation).Field("uptimeMs", stats.uptime_ms);
  json.Field("connections", stats.connections).Field("clientsDropped", stats.clients_dropped);
  Write(json.Key("buffer"), stats.buffer);
  json.Key("datasets").Open('[');
  for (const DatasetStats& dataset : stats.datasets) Write(json, dataset);
  json.Close(']').Key("clients").Open('[');
  for (const ClientStats& client : stats.clients) Write(json, client);
  json.Close(']').Close('}');
  return json.Take();
}

Status SealText(const char* name, const std::string& text, UniqueFd* file) {
  UniqueFd made(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!made) return SystemError(errno, "making a memory file");
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = pwrite(made.get(), text.data() + done, text.size() - done,
                                 static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return SystemError(errno, "writing a memory file");
    done += static_cast<size_t>(count);
  }
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(made.get(), F_ADD_SEALS, seals) != 0) {
    return SystemError(errno, "sealing a memory file");
  }
  *file = std::move(made);
  return Status::Ok();
}

}  // namespace umap
