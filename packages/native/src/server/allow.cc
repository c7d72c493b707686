// See allow.h.
#include "server/allow.h"

#include <unistd.h>

#include <algorithm>

namespace umap {
namespace {

bool Fits(const AllowRule& rule, const PeerCredentials& peer) {
  if (rule.uid && *rule.uid != peer.uid) return false;
  if (!rule.gid || *rule.gid == peer.gid) return true;
  return std::find(peer.groups.begin(), peer.groups.end(), *rule.gid) != peer.groups.end();
}

}  // namespace

std::vector<AllowRule> DefaultAllowRules() {
  return {AllowRule{.uid = geteuid(), .gid = {}}, AllowRule{.uid = 0, .gid = {}}};
}

std::optional<wire::Access> AllowedAccess(const std::vector<AllowRule>& rules,
                                          const PeerCredentials& peer) {
  std::optional<wire::Access> most;
  for (const AllowRule& rule : rules) {
    if (Fits(rule, peer)) most = std::max(most.value_or(rule.access), rule.access);
  }
  return most;
}

}  // namespace umap
