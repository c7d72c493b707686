// Looks up what JavaScript names by number; throws EBADF where there is nothing of that number.
#pragma once

#include <napi.h>

#include <cerrno>
#include <memory>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/held_region.h"
#include "binding/id_table.h"

namespace umap {

// nullptr: an exception is pending. `what` names it in the message.
template <typename T>
std::shared_ptr<T> Found(Arguments& arguments, const Napi::Value& id, const char* what) {
  const uint64_t number = arguments.Whole(id, what);
  if (!arguments.ok()) return nullptr;
  std::shared_ptr<T> found = Table<T>().Find(number);
  if (found == nullptr) {
    Throw(arguments.env(), Status::Fail(EBADF, std::string("there is no such ") + what +
                                                   ", or it is closed"));
  }
  return found;
}

// The region of the first argument, open; nullptr: an exception is pending.
inline std::shared_ptr<MappedRegion> FoundOpenRegion(Arguments& arguments) {
  const auto held = Found<HeldRegion>(arguments, arguments[0], "region");
  if (held == nullptr) return nullptr;
  std::shared_ptr<MappedRegion> region = held->OpenOrNull();
  if (region == nullptr) {
    Throw(arguments.env(), Status::Fail(EBADF, "the region is being closed"));
  }
  return region;
}

}  // namespace umap
