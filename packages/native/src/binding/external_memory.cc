// Hands memory to V8. The finalizers get the number of an owner instead of its address, because
// Node calls them in more situations than one would like to rely on.
#include "binding/external_memory.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "binding/errors.h"
#include "binding/id_table.h"

namespace umap {

namespace {

// Node 20 and before abort the process beyond this, in the midst of creating the buffer.
constexpr uint64_t kOldNodeBytesMax = uint64_t{4} << 30;
constexpr uint32_t kNodeWithoutThatLimit = 22;

using CreateShared = napi_status (*)(napi_env, void*, size_t, void (*)(void*, void*), void*,
                                     napi_value*);

// Not in Node-API 9, and not in every release of a Node that has it in a later version.
CreateShared FindCreateShared() {
  static const auto found = reinterpret_cast<CreateShared>(
      dlsym(RTLD_DEFAULT, "node_api_create_external_sharedarraybuffer"));
  return found;
}

void* HintOf(uint64_t owner_id) { return reinterpret_cast<void*>(owner_id); }

void Release(void* hint) { Table<void>().Remove(reinterpret_cast<uint64_t>(hint)); }

void FinalizeExclusive(napi_env, void*, void* hint) { Release(hint); }

// Any thread, with or without an environment.
void FinalizeShared(void*, void* hint) { Release(hint); }

uint32_t NodeMajor(Napi::Env env) {
  const napi_node_version* version = nullptr;
  return napi_get_node_version(env, &version) == napi_ok ? version->major : 0;
}

}  // namespace

Napi::Value WrapMemory(Napi::Env env, void* data, size_t bytes, bool shared,
                       std::shared_ptr<void> owner) {
  if (bytes > kOldNodeBytesMax && NodeMajor(env) < kNodeWithoutThatLimit) {
    const std::string message = "a buffer of " + std::to_string(bytes) +
                                " bytes needs Node 22: before, 4 GiB is the limit of one view";
    napi_throw_range_error(env, nullptr, message.c_str());
    return {};
  }
  if (shared && FindCreateShared() == nullptr) {
    return Throw(env,
                 Status::Fail(ENOTSUP,
                              "this release of Node offers no SharedArrayBuffer over memory of "
                              "others: take a newer one, or do without `shared`"),
                 "UMAP_UNSUPPORTED");
  }

  const uint64_t owner_id = Table<void>().Add(std::move(owner));
  napi_value buffer = nullptr;
  const napi_status status =
      shared ? FindCreateShared()(env, data, bytes, FinalizeShared, HintOf(owner_id), &buffer)
             : napi_create_external_arraybuffer(env, data, bytes, FinalizeExclusive,
                                                HintOf(owner_id), &buffer);
  if (status == napi_ok) return {env, buffer};
  Table<void>().Remove(owner_id);
  if (status == napi_no_external_buffers_allowed) {
    return Throw(env, Status::Fail(ENOTSUP, "this build of V8 takes no memory of others"),
                 "UMAP_UNSUPPORTED");
  }
  return Throw(env, Status::Fail(ENOMEM, "V8 could not make a buffer of " + std::to_string(bytes) +
                                             " bytes (status " + std::to_string(status) + ")"));
}

}  // namespace umap
