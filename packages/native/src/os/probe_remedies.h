// Words that can be followed: how to get what is missing; part of Probe(). Pure, save for the name
// of the program that runs.
#pragma once

#include <string>
#include <vector>

#include "os/probe.h"

namespace umap {

// nullptr where the report does not have it.
const UffdAttempt* FindAttempt(const ProbeReport& report, UffdWay way);
const ProbeCheck* FindCheck(const std::vector<ProbeCheck>& checks, const char* key);

bool Works(const ProbeReport& report, UffdWay way);
bool Passed(const std::vector<ProbeCheck>& checks, const char* key);
RefusalCause CauseOf(const ProbeReport& report, UffdWay way);

// What gives a userfaultfd with faults of the kernel included.
std::vector<Remedy> AccessRemedies(const ProbeReport& report);
// What gives one for the faults of this process's own code.
std::vector<Remedy> UserModeRemedies(const ProbeReport& report);
// The same as AccessRemedies for each kind of place, as lines that can be pasted. Empty where
// no setting helps.
std::vector<Recipe> AccessRecipes(const ProbeReport& report);

}  // namespace umap
