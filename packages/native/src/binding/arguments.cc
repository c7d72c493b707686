// See arguments.h.
#include "binding/arguments.h"

#include <cmath>

namespace umap {

namespace {

bool IsWhole(double value, double max) {
  return value >= 0 && value <= max && value == std::floor(value);
}

}  // namespace

void Arguments::Fail(const char* name, const char* wanted) {
  if (!ok_) return;
  ok_ = false;
  // A getter may have thrown.
  if (env().IsExceptionPending()) return;
  const std::string message = std::string(name) + " must be " + wanted;
  napi_throw_type_error(env(), nullptr, message.c_str());
}

Napi::Value Arguments::Field(const Napi::Value& object, const char* name) {
  if (object.IsEmpty() || !object.IsObject()) {
    Fail("the argument", "an object");
    return env().Undefined();
  }
  const Napi::Value value = object.As<Napi::Object>().Get(name);
  if (value.IsEmpty()) {
    Fail(name, "readable");
    return env().Undefined();
  }
  return value;
}

uint64_t Arguments::Whole(const Napi::Value& value, const char* name, uint64_t max) {
  if (ok_ && value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (IsWhole(number, static_cast<double>(max))) return static_cast<uint64_t>(number);
  }
  Fail(name, "a whole number in its range");
  return 0;
}

uint64_t Arguments::WholeOr(const Napi::Value& value, const char* name, uint64_t max,
                            uint64_t absent) {
  return value.IsUndefined() ? absent : Whole(value, name, max);
}

int64_t Arguments::Integer(const Napi::Value& value, const char* name) {
  if (ok_ && value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (IsWhole(std::abs(number), kWholeMax)) return static_cast<int64_t>(number);
  }
  Fail(name, "an integer");
  return 0;
}

bool Arguments::Boolean(const Napi::Value& value, const char* name) {
  if (ok_ && value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  Fail(name, "a boolean");
  return false;
}

std::string Arguments::Text(const Napi::Value& value, const char* name) {
  if (ok_ && value.IsString()) return value.As<Napi::String>().Utf8Value();
  Fail(name, "a string");
  return {};
}

Napi::Function Arguments::Function(const Napi::Value& value, const char* name) {
  if (ok_ && value.IsFunction()) return value.As<Napi::Function>();
  Fail(name, "a function");
  return {};
}

ByteRange Arguments::Range(size_t index) {
  return {Whole(info_[index], "offset"), Whole(info_[index + 1], "byteLength")};
}

std::vector<ByteRange> Arguments::Ranges(const Napi::Value& value) {
  std::vector<ByteRange> ranges;
  if (ok_ && value.IsTypedArray() &&
      value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array) {
    const auto pairs = value.As<Napi::Float64Array>();
    const double* const numbers = pairs.Data();
    const size_t count = pairs.ElementLength();
    bool whole = count % 2 == 0;
    for (size_t index = 0; whole && index < count; index += 2) {
      whole = IsWhole(numbers[index], kWholeMax) && IsWhole(numbers[index + 1], kWholeMax);
      if (!whole) break;
      ranges.push_back({static_cast<uint64_t>(numbers[index]),
                        static_cast<uint64_t>(numbers[index + 1])});
    }
    if (whole) return ranges;
  }
  Fail("ranges", "a Float64Array of offset and byteLength pairs");
  return {};
}

std::vector<uint64_t> Arguments::Wholes(const Napi::Value& value, const char* name, uint64_t max) {
  std::vector<uint64_t> numbers;
  if (value.IsUndefined()) return numbers;
  if (!ok_ || !value.IsArray()) {
    Fail(name, "an array of whole numbers");
    return numbers;
  }
  const auto array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  for (uint32_t index = 0; ok_ && index < count; ++index) {
    const Napi::Value item = array.Get(index);
    if (item.IsEmpty()) {
      Fail(name, "readable");
    } else {
      numbers.push_back(Whole(item, name, max));
    }
  }
  return numbers;
}

}  // namespace umap
