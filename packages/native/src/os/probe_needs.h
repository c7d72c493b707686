// What the findings mean for the engine, and what to do about what is missing; part of Probe().
// Pure: reads the report only, so that a test can make up machines.
#pragma once

#include "os/probe.h"

namespace umap {

// Fills in paging, summary and needs from everything else in the report.
void Judge(ProbeReport* report);

}  // namespace umap
