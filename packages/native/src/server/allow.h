// Who may use a data set, and how: rules about the user and groups that the kernel names for the
// other end of a socket. Plain data and pure functions.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "os/unix_socket.h"
#include "wire/protocol.h"

namespace umap {

// Fits a peer of this user and this group, as far as they are given; supplementary groups count.
struct AllowRule {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  wire::Access access = wire::Access::kReadWrite;
};

// The rules of a data set for which none are given: the server's own user, and root.
std::vector<AllowRule> DefaultAllowRules();

// The most that any of the rules which fit allows; nothing where none fits.
std::optional<wire::Access> AllowedAccess(const std::vector<AllowRule>& rules,
                                          const PeerCredentials& peer);

}  // namespace umap
