// Exports that give a region's memory to an isolate and take it back: map, unmap, close.
#include <cerrno>
#include <utility>

#include "binding/exports.h"
#include "binding/external_memory.h"
#include "binding/found.h"
#include "binding/promise.h"

namespace umap {

namespace {

// Drops its wrap when V8 has let go of the memory, on whatever thread that is.
class WrapOwner {
 public:
  WrapOwner(std::shared_ptr<HeldRegion> region, HeldRegion::WrapId wrap)
      : region_(std::move(region)), wrap_(wrap) {}
  ~WrapOwner() { region_->DropWrap(wrap_); }
  WrapOwner(const WrapOwner&) = delete;
  WrapOwner& operator=(const WrapOwner&) = delete;

 private:
  const std::shared_ptr<HeldRegion> region_;
  const HeldRegion::WrapId wrap_;
};

Status BeingClosed() { return Status::Fail(EBADF, "the region is being closed"); }

// Removes a use that holds nothing any more.
void Tidy(Environment& environment, uint64_t id) {
  const auto found = environment.regions.find(id);
  if (found == environment.regions.end()) return;
  const RegionUse& use = found->second;
  if (use.references == 0 && use.mappings == 0) environment.regions.erase(found);
}

// Makes the buffer of this isolate. Returns the empty value with an exception pending.
Napi::Value MapBuffer(Napi::Env env, const std::shared_ptr<HeldRegion>& held, bool shared,
                      MappedBuffer* buffer) {
  const auto region = held->OpenOrNull();
  const HeldRegion::WrapId wrap = region == nullptr ? 0 : held->AddWrap(shared);
  if (wrap == 0) return Throw(env, BeingClosed());
  const Napi::Value value = WrapMemory(env, region->data(), held->facts().byte_length, shared,
                                       std::make_shared<WrapOwner>(held, wrap));
  if (value.IsEmpty()) return {};
  if (napi_create_reference(env, value, 1, &buffer->reference) != napi_ok) {
    return Throw(env, Status::Fail(ENOMEM, "the buffer cannot be referenced"));
  }
  buffer->wrap = wrap;
  return value;
}

Napi::Value RegionMap(Environment& environment, Arguments& arguments) {
  const auto held = Found<HeldRegion>(arguments, arguments[0], "region");
  if (held == nullptr) return {};
  const uint64_t id = arguments.Whole(arguments[0], "region");
  const bool shared = arguments.Boolean(arguments[1], "shared");
  if (!arguments.ok()) return {};
  const Napi::Env env = environment.env();
  if (!environment.served.empty()) {
    return Throw(env, Status::Fail(EDEADLK,
                                   "this thread runs stores: it must map no region, because a "
                                   "thread that is blocked in a fault cannot answer it"));
  }

  RegionUse& use = environment.regions[id];
  use.region = held;
  const bool needs_reference = use.mappings >= use.references;
  if (needs_reference && !held->AddReference()) {
    Tidy(environment, id);
    return Throw(env, BeingClosed());
  }
  if (needs_reference) use.references += 1;
  MappedBuffer& buffer = shared ? use.shared : use.exclusive;
  napi_value value = nullptr;
  if (buffer.reference != nullptr) {
    napi_get_reference_value(env, buffer.reference, &value);
  } else {
    value = MapBuffer(env, held, shared, &buffer);
  }
  if (value != nullptr) {
    use.mappings += 1;
  } else if (needs_reference) {
    use.references -= 1;
    Tidy(environment, id);
    held->AbandonReferences(1);
  }
  return {env, value};
}

// Gives the buffers of this isolate up. One that cannot be detached, or that was moved away before,
// may still be in somebody's hands: it lingers.
void ReleaseBuffers(Napi::Env env, RegionUse& use) {
  if (use.exclusive.reference != nullptr) {
    napi_value buffer = nullptr;
    bool detached = false;
    const bool released =
        napi_get_reference_value(env, use.exclusive.reference, &buffer) == napi_ok &&
        napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && !detached &&
        napi_detach_arraybuffer(env, buffer) == napi_ok;
    if (!released) use.region->MarkLingering(use.exclusive.wrap);
    napi_delete_reference(env, std::exchange(use.exclusive.reference, nullptr));
  }
  if (use.shared.reference != nullptr) {
    napi_delete_reference(env, std::exchange(use.shared.reference, nullptr));
  }
}

Napi::Value RegionUnmap(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "region");
  if (!arguments.ok()) return {};
  const auto found = environment.regions.find(id);
  if (found == environment.regions.end() || found->second.mappings == 0) {
    return Throw(environment.env(), Status::Fail(EBADF, "this thread does not map the region"));
  }
  RegionUse& use = found->second;
  use.mappings -= 1;
  if (use.mappings == 0) ReleaseBuffers(environment.env(), use);
  Tidy(environment, id);
  return {};
}

// Closing has ended on an engine thread; brings it home.
void EndClosing(Napi::Env env, uint64_t id, const Status& status) {
  Environment* const environment = Environment::Of(env);
  const auto found = environment->regions.find(id);
  if (found == environment->regions.end()) return;
  found->second.closing = false;
  if (status.ok()) found->second.references = 0;
  Tidy(*environment, id);
}

void StartClosing(Environment& environment, uint64_t id, RegionUse& use, const Promise& promise) {
  const auto held = use.region;
  const auto queue = environment.queue();
  // A buffer that somebody else in this isolate still uses is not waited for.
  const HeldRegion::WrapId wrap = use.mappings == 0 ? use.exclusive.wrap : 0;
  const auto outcome = held->DropReference([queue, id, promise](const Status& status) {
    queue->Post([id, status](Napi::Env env) { EndClosing(env, id, status); });
    promise.Settle(status, [](Napi::Env env) { return Napi::Boolean::New(env, true); });
  });
  switch (outcome) {
    case HeldRegion::DropOutcome::kClosing:
      use.closing = true;
      return;
    case HeldRegion::DropOutcome::kDropped:
      use.references -= 1;
      Tidy(environment, id);
      // Others wait until this isolate has let go of the memory, so its own promise does too: a
      // thread that blocks right after its close() must not hold them up.
      held->WhenDropped(wrap, [promise] {
        promise.Settle({}, [](Napi::Env env) { return Napi::Boolean::New(env, false); });
      });
      return;
    case HeldRegion::DropOutcome::kRefused:
      promise.Settle(Status::Fail(EALREADY, "the region is being closed already"));
      return;
  }
}

Napi::Value RegionClose(Environment& environment, Arguments& arguments) {
  const uint64_t id = arguments.Whole(arguments[0], "region");
  if (!arguments.ok()) return {};
  Napi::Value value;
  const Promise promise = Promise::Make(environment, &value);
  const auto found = environment.regions.find(id);
  if (found == environment.regions.end() || found->second.references == 0) {
    promise.Settle(Status::Fail(EBADF, "this thread holds no reference to the region"));
    return value;
  }
  RegionUse& use = found->second;
  if (use.closing) {
    promise.Settle(Status::Fail(EALREADY, "the region is being closed already"));
    return value;
  }
  if (use.references == 1 && use.mappings > 0) {
    use.mappings = 0;
    ReleaseBuffers(environment.env(), use);
  }
  StartClosing(environment, id, use, promise);
  return value;
}

constexpr Export kExports[] = {
    {"regionMap", Bound<RegionMap>},
    {"regionUnmap", Bound<RegionUnmap>},
    {"regionClose", Bound<RegionClose>},
};

}  // namespace

std::span<const Export> RegionMemoryExports() { return kExports; }

}  // namespace umap
