// Memory that is not V8's, as an ArrayBuffer or a SharedArrayBuffer of one isolate.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

namespace umap {

// Wraps [data, data + bytes). `owner` is released when V8 has let go of the memory, perhaps late
// and on a thread of the garbage collector, and once even where Node calls a finalizer twice; also
// when this fails, which throws and returns the empty value: - RangeError: more than 4 GiB in a
// Node that aborts on that (before 22) - NativeError with ENOTSUP and code UMAP_UNSUPPORTED: this
// Node cannot do it
Napi::Value WrapMemory(Napi::Env env, void* data, size_t bytes, bool shared,
                       std::shared_ptr<void> owner);

}  // namespace umap
