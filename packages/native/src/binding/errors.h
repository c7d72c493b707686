// Between Status and the errors of JavaScript. JavaScript thread only.
#pragma once

#include <napi.h>

#include <string>

#include "os/status.h"

namespace umap {

// A NativeError with the status's errno, retryability, message and detail. `code` is a property of
// that name; nullptr: none.
Napi::Value MakeError(Napi::Env env, const Status& status, const char* code = nullptr);

// Throws MakeError's error, unless one is pending already; returns the empty value.
Napi::Value Throw(Napi::Env env, const Status& status, const char* code = nullptr);

// False in a worker that is being ended: calls into JavaScript fail without an exception.
// REQUIRES: no exception is pending.
bool CanRunScript(Napi::Env env);

// The outcome that a JavaScript store's error stands for: errno by its `code`, EIO for codes that
// are no errno; `json` itself becomes the detail.
Status StatusOfStoreError(Napi::Env env, const std::string& json);

}  // namespace umap
