// Warns, once a process, that system calls on absent pages fail. Any thread of JavaScript.
#pragma once

#include "os/fault_mode.h"

namespace umap {

// A region was opened that got `mode`.
void WarnOfSystemCalls(FaultMode mode);

}  // namespace umap
