// Which ways of taking faults work, and which one `auto` takes; part of Probe(). Pure: reads the
// report only, so that a test can make up machines.
#pragma once

#include "os/probe.h"

namespace umap {

// Fills in ways, auto_mode, paging, summary and recipes.
void JudgeWays(ProbeReport* report);

}  // namespace umap
