// Exports that work on ranges of a region. All but pin and unpin return a promise.
#include <cerrno>
#include <utility>

#include "binding/exports.h"
#include "binding/found.h"
#include "binding/promise.h"

namespace umap {

namespace {

// An operation of the engine on the region of the first argument: closing waits for its end.
class Operation {
 public:
  // An exception is pending when it has no region().
  explicit Operation(Arguments& arguments)
      : held_(Found<HeldRegion>(arguments, arguments[0], "region")) {
    if (held_ == nullptr) return;
    region_ = held_->BeginOperation();
    if (region_ == nullptr) {
      Throw(arguments.env(), Status::Fail(EBADF, "the region is being closed"));
    }
  }

  const std::shared_ptr<MappedRegion>& region() const { return region_; }

  void End() const { held_->EndOperation(); }

  // What the engine calls at the end; settles the promise `value`.
  Callback EndWithPromise(Environment& environment, Napi::Value* value) const {
    return [held = held_, promise = Promise::Make(environment, value)](const Status& status) {
      held->EndOperation();
      promise.Settle(status);
    };
  }

 private:
  const std::shared_ptr<HeldRegion> held_;
  std::shared_ptr<MappedRegion> region_;
};

using RangeOperation = void (MappedRegion::*)(ByteRange, Callback);

template <RangeOperation kOperation>
Napi::Value OnRange(Environment& environment, Arguments& arguments) {
  const ByteRange range = arguments.Range(1);
  const Operation operation(arguments);
  if (operation.region() == nullptr) return {};
  Napi::Value value;
  (operation.region().get()->*kOperation)(range, operation.EndWithPromise(environment, &value));
  return value;
}

Napi::Value RegionPrefault(Environment& environment, Arguments& arguments) {
  std::vector<ByteRange> ranges = arguments.Ranges(arguments[1]);
  const Operation operation(arguments);
  if (operation.region() == nullptr) return {};
  Napi::Value value;
  operation.region()->Prefault(std::move(ranges), operation.EndWithPromise(environment, &value));
  return value;
}

Napi::Value RegionPin(Environment& environment, Arguments& arguments) {
  const ByteRange range = arguments.Range(1);
  if (arguments.ok() && !environment.served.empty()) {
    return Throw(environment.env(),
                 Status::Fail(EDEADLK, "this thread runs stores: it must not wait for a page"));
  }
  const Operation operation(arguments);
  if (operation.region() == nullptr) return {};
  const Status status = operation.region()->Pin(range);
  operation.End();
  return status.ok() ? Napi::Value() : Throw(environment.env(), status);
}

Napi::Value RegionUnpin(Environment&, Arguments& arguments) {
  const ByteRange range = arguments.Range(1);
  const Operation operation(arguments);
  if (operation.region() == nullptr) return {};
  operation.region()->Unpin(range);
  operation.End();
  return {};
}

constexpr Export kExports[] = {
    {"regionPrefault", Bound<RegionPrefault>},
    {"regionFlush", Bound<OnRange<&MappedRegion::Flush>>},
    {"regionEvict", Bound<OnRange<&MappedRegion::Evict>>},
    {"regionDiscard", Bound<OnRange<&MappedRegion::Discard>>},
    {"regionPin", Bound<RegionPin>},
    {"regionUnpin", Bound<RegionUnpin>},
};

}  // namespace

std::span<const Export> RegionOperationExports() { return kExports; }

}  // namespace umap
