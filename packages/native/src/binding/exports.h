// The table of functions that the addon exports, and how C++ functions get into it.
#pragma once

#include <napi.h>

#include <span>

#include "binding/arguments.h"
#include "binding/environment.h"

namespace umap {

// Returns the empty value for undefined, and when an exception is pending.
using BoundFunction = Napi::Value (*)(Environment&, Arguments&);

struct Export {
  const char* name;
  napi_callback callback;
};

template <BoundFunction kFunction>
napi_value Bound(napi_env env, napi_callback_info raw) {
  Environment* const environment = Environment::Of(env);
  if (environment == nullptr) return nullptr;
  const Napi::CallbackInfo info(env, raw);
  Arguments arguments(info);
  return kFunction(*environment, arguments);
}

std::span<const Export> EngineExports();
// Only with UMAP_TEST_POINTS=1 in the environment of the process.
std::span<const Export> TestExports();
std::span<const Export> BufferExports();
std::span<const Export> RegionExports();
std::span<const Export> RegionMemoryExports();
std::span<const Export> RegionOperationExports();
std::span<const Export> RegionEventExports();
std::span<const Export> HostExports();
std::span<const Export> HostServingExports();
std::span<const Export> HostLinkExports();
std::span<const Export> ClientExports();
std::span<const Export> KeeperExports();
std::span<const Export> ServerExports();

}  // namespace umap
