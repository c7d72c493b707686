// Plain objects of numbers. 64-bit counters become doubles, which are exact up to 2^53.
#pragma once

#include <napi.h>

#include <concepts>

namespace umap {

template <typename N>
  requires std::integral<N> || std::floating_point<N>
void SetNumber(Napi::Object object, const char* name, N value) {
  napi_set_named_property(object.Env(), object, name,
                          Napi::Number::New(object.Env(), static_cast<double>(value)));
}

}  // namespace umap
