// The entry of the addon: Node calls it once for each environment that loads it.
#include <dlfcn.h>
#include <napi.h>

#include <cstdlib>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/process_exit.h"

namespace umap {

namespace {

// Node unloads an addon with the last worker that used it. Engine threads, finalizers and exit
// handlers need our code until the process has ended.
void StayLoaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&StayLoaded), &info) != 0) {
    dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

// process.exit() runs no cleanup hook of the main environment, but it does run these.
bool PrepareAtExit() { return std::atexit(FinishAtExit) == 0; }

void AddExports(Napi::Env env, Napi::Object exports) {
  for (const std::span<const Export> table :
       {EngineExports(), TestExports(), BufferExports(), RegionExports(), RegionMemoryExports(),
        RegionOperationExports(), RegionEventExports(), HostExports(), HostServingExports(),
        HostLinkExports(), ClientExports(), KeeperExports(), ServerExports()}) {
    for (const Export& entry : table) {
      napi_value function = nullptr;
      if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr,
                               &function) != napi_ok) {
        return;
      }
      napi_set_named_property(env, exports, entry.name, function);
    }
  }
}

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  [[maybe_unused]] static const bool once = (StayLoaded(), PrepareAtExit());
  if (Environment::Create(env) != nullptr) AddExports(env, exports);
  return exports;
}

}  // namespace umap

static Napi::Object InitUmap(Napi::Env env, Napi::Object exports) {
  return umap::Init(env, exports);
}

NODE_API_MODULE(umap, InitUmap)
