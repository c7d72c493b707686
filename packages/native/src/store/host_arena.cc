// First-fit allocation in an arena; the calls in flight are few, so a walk over the gaps is short.
#include "store/host_arena.h"

#include <iterator>

#include "os/check.h"

namespace umap {

namespace {

constexpr uint64_t kGrainBytes = 4096;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kGrainBytes - 1) / kGrainBytes * kGrainBytes; }

}  // namespace

Status HostArena::Create(uint64_t bytes, std::shared_ptr<HostArena>* arena) {
  auto created = std::make_shared<HostArena>();
  const Status status =
      Mapping::Reserve(RoundUp(bytes), kGrainBytes, /*huge=*/false, &created->mapping_);
  if (!status.ok()) return status;
  created->free_.emplace(0, created->bytes());
  *arena = std::move(created);
  return Status::Ok();
}

std::optional<uint64_t> HostArena::Allocate(uint64_t bytes) {
  const uint64_t wanted = RoundUp(bytes);
  for (auto gap = free_.begin(); gap != free_.end(); ++gap) {
    const auto [offset, length] = *gap;
    if (length < wanted) continue;
    free_.erase(gap);
    if (length > wanted) free_.emplace(offset + wanted, length - wanted);
    return offset;
  }
  return std::nullopt;
}

void HostArena::Free(uint64_t offset, uint64_t bytes) {
  uint64_t length = RoundUp(bytes);
  auto after = free_.lower_bound(offset);
  if (after != free_.end()) {
    CHECK(offset + length <= after->first);
    if (offset + length == after->first) {
      length += after->second;
      after = free_.erase(after);
    }
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    CHECK(before->first + before->second <= offset);
    if (before->first + before->second == offset) {
      before->second += length;
      return;
    }
  }
  free_.emplace(offset, length);
}

}  // namespace umap
