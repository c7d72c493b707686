// Ways to a userfaultfd and the features behind it; part of Probe(). Stateless, any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "os/probe.h"
#include "os/unique_fd.h"

namespace umap {

// Opens a userfaultfd, non-blocking and close-on-exec. On refusal the descriptor is none, and
// `error` is the errno.
UniqueFd OpenUserfaultfd(UffdWay way, int* error);

// UFFDIO_API with these features; on success `offered` is every feature that the kernel has.
// Returns an errno, or 0. A descriptor can be negotiated once.
int NegotiateFeatures(int uffd, uint64_t features, uint64_t* offered);

// Who we are and what the administrator set, as far as it decides about a userfaultfd.
PermissionReport ReadPermissions();

// Tries every way, in order of preference, and names the cause of each refusal.
std::vector<UffdAttempt> TryWays(const PermissionReport& permissions);

}  // namespace umap
