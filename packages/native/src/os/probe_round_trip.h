// One real fault round trip on a few pages: what the engine will do all day, done once. Part of
// Probe(); starts short-lived threads that touch memory, and ends them whatever the kernel does.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "os/probe.h"

namespace umap {

// Checks, in order: register, missingFault, copyWriteProtected, writeProtectFault, threadId,
// systemCallFault, poison, move. With no way, all are listed as not tried. `offered` are the
// features that the kernel has.
std::vector<ProbeCheck> TryRoundTrip(std::optional<UffdWay> way, uint64_t offered);

}  // namespace umap
