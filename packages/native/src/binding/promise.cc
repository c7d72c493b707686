// See promise.h.
#include "binding/promise.h"

#include <utility>

#include "binding/errors.h"

namespace umap {

Promise Promise::Make(Environment& environment, Napi::Value* value) {
  Promise promise;
  napi_value created = nullptr;
  if (napi_create_promise(environment.env(), &promise.deferred_, &created) != napi_ok) {
    return promise;
  }
  promise.queue_ = environment.queue();
  promise.queue_->Hold();
  *value = {environment.env(), created};
  return promise;
}

void Promise::Settle(const Status& status, MakeValue make_value) const {
  if (queue_ == nullptr) return;
  queue_->Post([queue = queue_, deferred = deferred_, status,
                make_value = std::move(make_value)](Napi::Env env) {
    queue->Unhold();
    if (status.ok()) {
      const Napi::Value value = make_value ? make_value(env) : env.Undefined();
      napi_resolve_deferred(env, deferred, value);
    } else {
      napi_reject_deferred(env, deferred, MakeError(env, status));
    }
  });
}

}  // namespace umap
