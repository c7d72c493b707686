// What the findings mean for the engine, and what to do about what is missing; part of Probe().
// Pure: reads the report only, so that a test can make up machines.
#pragma once

#include "os/probe.h"

namespace umap {

// Fills in everything that follows from what was found: ways, verdict, needs, recipes.
void Judge(ProbeReport* report);

// The part of Judge() that fills in needs.
// REQUIRES: JudgeWays() has run.
void JudgeNeeds(ProbeReport* report);

}  // namespace umap
