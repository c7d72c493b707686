// First-fit allocation in an arena; the calls in flight are few, so a walk over the gaps is short.
#include "store/host_arena.h"

#include <errno.h>
#include <sys/stat.h>

#include <iterator>
#include <utility>

#include "os/check.h"
#include "os/shared_memory.h"

namespace umap {

namespace {

constexpr uint64_t kGrainBytes = 4096;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kGrainBytes - 1) / kGrainBytes * kGrainBytes; }

}  // namespace

Status HostArena::Create(Kind kind, uint64_t bytes, std::shared_ptr<HostArena>* arena) {
  const uint64_t rounded = RoundUp(bytes);
  std::shared_ptr<HostArena> created;
  Status status;
  if (kind == Kind::kShared) {
    UniqueFd memory;
    status = CreateSealedMemory("umap-store-host", rounded, &memory);
    if (status.ok()) status = Map(std::move(memory), &created);
  } else {
    created = std::make_shared<HostArena>();
    status = Mapping::Reserve(rounded, kGrainBytes, /*huge=*/false, &created->mapping_);
  }
  if (!status.ok()) return status;
  created->free_.emplace(0, created->bytes());
  *arena = std::move(created);
  return Status::Ok();
}

Status HostArena::Map(UniqueFd memory, std::shared_ptr<HostArena>* arena) {
  struct stat facts;
  if (fstat(memory.get(), &facts) != 0 || facts.st_size <= 0 || facts.st_size % kGrainBytes != 0) {
    return Status::Fail(EINVAL, "this descriptor is no memory of a store host");
  }
  const auto bytes = static_cast<uint64_t>(facts.st_size);
  auto mapped = std::make_shared<HostArena>();
  const Status status = Mapping::Reserve(bytes, kGrainBytes, /*huge=*/false, &mapped->mapping_);
  if (!status.ok()) return status;
  mapped->mapping_.MapFile(0, bytes, memory.get());
  mapped->fd_ = std::move(memory);
  *arena = std::move(mapped);
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
