// What the exports for store hosts share.
#pragma once

#include <cstdint>

#include "binding/environment.h"

namespace umap {

// Ends this environment's service of a host; nothing where there is none. Calls that were shown and
// not answered wait for the next service.
void StopServing(Environment& environment, uint64_t id);

}  // namespace umap
