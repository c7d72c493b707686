// A JavaScript promise that native code settles later, once, from any thread.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "binding/environment.h"
#include "os/status.h"

namespace umap {

class Promise {
 public:
  // What it resolves to; called on the JavaScript thread. Empty: undefined.
  using MakeValue = std::function<Napi::Value(Napi::Env)>;

  // JavaScript thread. Keeps the event loop alive until it is settled. `value` stays empty when
  // the environment is going down.
  static Promise Make(Environment& environment, Napi::Value* value);

  // Any thread. Nothing happens when the environment is gone.
  void Settle(const Status& status, MakeValue make_value = {}) const;

 private:
  std::shared_ptr<JsQueue> queue_;
  napi_deferred deferred_ = nullptr;
};

}  // namespace umap
