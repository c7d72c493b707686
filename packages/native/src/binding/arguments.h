// Reads the arguments of a call from JavaScript. They come checked from @umap/core; here nonsense
// only must not crash: the first mistake throws a TypeError that names it, and reading goes on with
// zeros, so that a function reads everything and then asks ok() once.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "page/events.h"

namespace umap {

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  Napi::Env env() const { return info_.Env(); }
  bool ok() const { return ok_; }

  Napi::Value operator[](size_t index) const { return info_[index]; }
  // A property of an object argument.
  Napi::Value Field(const Napi::Value& object, const char* name);

  // Whole numbers from 0 to `max`; 2^53 - 1 at most.
  uint64_t Whole(const Napi::Value& value, const char* name, uint64_t max = kWholeMax);
  // The same, and `absent` for undefined.
  uint64_t WholeOr(const Napi::Value& value, const char* name, uint64_t max, uint64_t absent);
  int64_t Integer(const Napi::Value& value, const char* name);
  bool Boolean(const Napi::Value& value, const char* name);
  std::string Text(const Napi::Value& value, const char* name);
  Napi::Function Function(const Napi::Value& value, const char* name);
  // The range of the arguments at `index` (offset) and behind it (byteLength).
  ByteRange Range(size_t index);
  // Pairs of offset and byteLength in a Float64Array.
  std::vector<ByteRange> Ranges(const Napi::Value& value);
  // An array of whole numbers; empty for undefined.
  std::vector<uint64_t> Wholes(const Napi::Value& value, const char* name, uint64_t max);

  // `name` is not what was wanted; only the first mistake of a call is told.
  void Fail(const char* name, const char* wanted);

  static constexpr uint64_t kWholeMax = (uint64_t{1} << 53) - 1;

 private:
  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

}  // namespace umap
