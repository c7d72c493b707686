// Exports that concern the engine as a whole: probe, options, the end of the process, test points.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "binding/exports.h"
#include "binding/process_exit.h"
#include "engine/engine.h"
#include "os/log.h"
#include "os/probe.h"
#include "page/test_points.h"

namespace umap {

namespace {

constexpr uint64_t kThreadsMax = 1024;
constexpr uint64_t kFaultEventsMax = 65'536;
constexpr uint64_t kFeatureBitMax = 63;
constexpr uint64_t kExitCodeMax = 255;
constexpr uint64_t kDelayMsMax = 600'000;

Napi::Value ProbeMachine(Environment& environment, Arguments&) {
  return Napi::String::New(environment.env(), ProbeReportJson(Probe()));
}

Napi::Value ConfigureEngineFrom(Environment&, Arguments& arguments) {
  const Napi::Value given = arguments[0];
  const auto field = [&](const char* name, uint64_t max) {
    return arguments.WholeOr(arguments.Field(given, name), name, max, 0);
  };
  EngineOptions options;
  options.fillers = static_cast<uint32_t>(field("fillers", kThreadsMax));
  options.evictors = static_cast<uint32_t>(field("evictors", kThreadsMax));
  options.fault_events_max = static_cast<uint32_t>(field("faultEventsMax", kFaultEventsMax));
  const Napi::Value denied = arguments.Field(given, "featuresDenied");
  for (const uint64_t bit : arguments.Wholes(denied, "featuresDenied", kFeatureBitMax)) {
    options.features_denied |= uint64_t{1} << bit;
  }
  const Napi::Value level = arguments.Field(given, "logLevel");
  const uint64_t log_level =
      arguments.WholeOr(level, "logLevel", static_cast<uint64_t>(LogLevel::kDebug), 0);
  if (!arguments.ok()) return {};
  if (!level.IsUndefined()) SetLogLevel(static_cast<LogLevel>(log_level));
  ConfigureEngine(options);
  return {};
}

Napi::Value SetErrorClass(Environment& environment, Arguments& arguments) {
  const Napi::Function error_class = arguments.Function(arguments[0], "errorClass");
  if (arguments.ok()) environment.error_class = Napi::Persistent(error_class);
  return {};
}

Napi::Value RunTasks(Environment& environment, Arguments&) {
  environment.queue()->Run(environment.env());
  return {};
}

Napi::Value ProcessExiting(Environment&, Arguments& arguments) {
  const uint64_t exit_code = arguments.Whole(arguments[0], "exitCode", kExitCodeMax);
  if (arguments.ok()) BeginExit(static_cast<int>(exit_code));
  return {};
}

Napi::Value SetTestPointDelay(Environment&, Arguments& arguments) {
  const std::string name = arguments.Text(arguments[0], "name");
  const uint64_t delay_ms = arguments.Whole(arguments[1], "delayMs", kDelayMsMax);
  if (!arguments.ok()) return {};
  if (delay_ms == 0) {
    SetTestPoint(name, {});
  } else {
    SetTestPoint(name, [delay_ms] {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    });
  }
  return {};
}

constexpr Export kEngineExports[] = {
    {"probe", Bound<ProbeMachine>},
    {"configureEngine", Bound<ConfigureEngineFrom>},
    {"setErrorClass", Bound<SetErrorClass>},
    {"runTasks", Bound<RunTasks>},
    {"processExiting", Bound<ProcessExiting>},
};

constexpr Export kTestExports[] = {
    {"setTestPoint", Bound<SetTestPointDelay>},
};

}  // namespace

std::span<const Export> EngineExports() { return kEngineExports; }

std::span<const Export> TestExports() {
  const char* const enabled = std::getenv("UMAP_TEST_POINTS");
  if (enabled == nullptr || std::strcmp(enabled, "1") != 0) return {};
  return kTestExports;
}

}  // namespace umap
