// Exports for page buffers.
#include "binding/exports.h"
#include "binding/found.h"
#include "binding/numbers.h"
#include "engine/engine.h"

namespace umap {

namespace {

constexpr uint64_t kPercentMax = 100;

Napi::Value BufferCreate(Environment& environment, Arguments& arguments) {
  const Napi::Value given = arguments[0];
  const auto percent = [&](const char* name) {
    return static_cast<uint32_t>(
        arguments.WholeOr(arguments.Field(given, name), name, kPercentMax, 0));
  };
  BufferOptions options;
  options.budget_bytes =
      arguments.WholeOr(arguments.Field(given, "budgetBytes"), "budgetBytes",
                        Arguments::kWholeMax, 0);
  options.high_water_percent = percent("highWaterPercent");
  options.low_water_percent = percent("lowWaterPercent");
  if (!arguments.ok()) return {};
  const uint64_t id = Table<PageBuffer>().Add(CreateBuffer(options));
  environment.buffers.insert(id);
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

Napi::Value BufferStatsOf(Environment& environment, Arguments& arguments) {
  const auto buffer = Found<PageBuffer>(arguments, arguments[0], "page buffer");
  if (buffer == nullptr) return {};
  const BufferStats stats = StatsOf(*buffer);
  const Napi::Object object = Napi::Object::New(environment.env());
  SetNumber(object, "budgetBytes", stats.budget_bytes);
  SetNumber(object, "residentBytes", stats.resident_bytes);
  SetNumber(object, "residentBytesMax", stats.resident_bytes_max);
  SetNumber(object, "mappedBytes", stats.mapped_bytes);
  SetNumber(object, "standbyBytes", stats.standby_bytes);
  SetNumber(object, "dirtyBytes", stats.dirty_bytes);
  SetNumber(object, "regions", stats.regions);
  return object;
}

// Of an id that is gone already too, because closing twice is no mistake.
Napi::Value BufferRelease(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "page buffer");
  if (!arguments.ok()) return {};
  Table<PageBuffer>().Remove(id);
  environment.buffers.erase(id);
  return {};
}

constexpr Export kExports[] = {
    {"bufferCreate", Bound<BufferCreate>},
    {"bufferStats", Bound<BufferStatsOf>},
    {"bufferRelease", Bound<BufferRelease>},
};

}  // namespace

std::span<const Export> BufferExports() { return kExports; }

}  // namespace umap
