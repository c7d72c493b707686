// Faults that arrive as signals, tried for real on one page each; part of Probe(). In a child
// process, since handlers of signals belong to the process and are not the probe's to change.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "os/probe.h"

namespace umap {

inline constexpr const char* kSignalCheck = "signalFault";
inline constexpr const char* kInThreadCheck = "inThreadFault";

// Checks, in order: signalFault (mprotect and SIGSEGV), inThreadFault (userfaultfd with SIGBUS, by
// `way`, where `offered` are the features that the kernel has).
std::vector<ProbeCheck> TrySignals(std::optional<UffdWay> way, uint64_t offered);

}  // namespace umap
