// Calls on the engine for programs that wait and that give up where one fails.
#pragma once

#include <functional>
#include <memory>

#include "engine/engine.h"
#include "options.h"

namespace umap::bench {

// Starts an operation with a callback, and waits for its success.
void Await(const char* what, const std::function<void(Callback)>& start);

// The file that the options name, on a descriptor of its own.
std::shared_ptr<Store> OpenStore(const Options& options);

std::shared_ptr<Region> OpenOrFail(const RegionOptions& options);

}  // namespace umap::bench
