// Exports that listen to a region. Events cross threads as lossy tasks: a thread that is blocked or
// busy must not make them pile up.
#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/numbers.h"

namespace umap {

namespace {

const char* KindText(EventKind kind) {
  switch (kind) {
    case EventKind::kFillError:
      return "fill";
    case EventKind::kWriteBackError:
      return "write-back";
    case EventKind::kPressure:
      return "pressure";
    case EventKind::kStall:
      return "stall";
    case EventKind::kServerGone:
      return "server-gone";
  }
  return "";
}

void Deliver(Napi::Env env, uint64_t id, const RegionEvent& event) {
  Environment* const environment = Environment::Of(env);
  const auto found = environment->subscriptions.find(id);
  if (found == environment->subscriptions.end()) return;
  napi_value on_event = nullptr;
  if (napi_get_reference_value(env, found->second.on_event, &on_event) != napi_ok) return;

  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", Napi::String::New(env, KindText(event.kind)));
  if (!event.status.ok()) object.Set("error", MakeError(env, event.status));
  SetNumber(object, "offset", event.offset);
  SetNumber(object, "byteLength", event.byte_length);
  SetNumber(object, "budgetBytes", event.budget_bytes);
  const napi_value argument = object;
  napi_value result = nullptr;
  napi_call_function(env, env.Undefined(), on_event, 1, &argument, &result);
}

Napi::Value RegionSubscribe(Environment& environment, Arguments& arguments) {
  const auto held = Found<HeldRegion>(arguments, arguments[0], "region");
  if (held == nullptr) return {};
  const auto region = FoundOpenRegion(arguments);
  if (region == nullptr) return {};
  const Napi::Function on_event = arguments.Function(arguments[1], "onEvent");
  if (!arguments.ok()) return {};
  Subscription subscription;
  if (napi_create_reference(environment.env(), on_event, 1, &subscription.on_event) != napi_ok) {
    return {};
  }
  const uint64_t id = ++environment.last_subscription;
  subscription.region = held;
  subscription.engine_id =
      region->Subscribe([queue = environment.queue(), id](const RegionEvent& event) {
        queue->PostLossy([id, event](Napi::Env env) { Deliver(env, id, event); });
      });
  environment.subscriptions.emplace(id, std::move(subscription));
  return Napi::Number::New(environment.env(), static_cast<double>(id));
}

// Of a subscription that is gone already too, because its region may have been closed meanwhile.
Napi::Value RegionUnsubscribe(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[1], "subscription");
  if (!arguments.ok()) return {};
  const auto found = environment.subscriptions.find(id);
  if (found == environment.subscriptions.end()) return {};
  environment.Unsubscribe(found->second);
  environment.subscriptions.erase(found);
  return {};
}

constexpr Export kExports[] = {
    {"regionSubscribe", Bound<RegionSubscribe>},
    {"regionUnsubscribe", Bound<RegionUnsubscribe>},
};

}  // namespace

std::span<const Export> RegionEventExports() { return kExports; }

}  // namespace umap
