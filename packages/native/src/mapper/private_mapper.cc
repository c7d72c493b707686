// See private_mapper.h.
#include "mapper/private_mapper.h"

#include <errno.h>
#include <sched.h>

#include <utility>

#include "os/check.h"
#include "os/shared_memory.h"
#include "page/region.h"

namespace umap {
namespace {

constexpr uint64_t kHugePageBytes = 2 << 20;
// The kernel refuses to move a page that is pinned for I/O; such a pin passes in microseconds.
constexpr int kMoveAttemptsMax = 64;

uint64_t RegisterModes(const Region& region) {
  return Userfaultfd::kMissing |
         (region.writable ? Userfaultfd::kWriteProtect : uint64_t{0});
}

uint64_t AlignmentOf(uint64_t page_bytes, bool* huge) {
  *huge = page_bytes % kHugePageBytes == 0;
  return *huge ? kHugePageBytes : page_bytes;
}

}  // namespace

Status PrivateMapper::Create(Userfaultfd uffd, std::unique_ptr<PrivateMapper>* mapper) {
  UniqueFd empty_file;
  Status status = CreateSharedMemory("umap-failed-pages", 0, &empty_file);
  if (!status.ok()) return status;
  mapper->reset(new PrivateMapper(std::move(uffd), std::move(empty_file)));
  return Status::Ok();
}

PrivateMapper::PrivateMapper(Userfaultfd uffd, UniqueFd empty_file)
    : uffd_(std::move(uffd)), empty_file_(std::move(empty_file)) {}

Status PrivateMapper::CheckAccess(bool writable) const {
  if (!writable || uffd_.has_write_protect()) return Status::Ok();
  return Status::Fail(ENOSYS, "writable regions need write-protect faults of userfaultfd: "
                              "Linux 5.7 or later on this processor");
}

// Beginning and end ------------------------------------------------------------------------------

Status PrivateMapper::MapRegion(Region& region) {
  const uint64_t bytes = uint64_t{region.page_count} * region.page_bytes;
  bool huge = false;
  const uint64_t align = AlignmentOf(region.page_bytes, &huge);
  Status status = Mapping::Reserve(bytes, align, huge, &region.memory);
  if (!status.ok() || bytes == 0) return status;
  return uffd_.Register(region.memory.data(), bytes, RegisterModes(region));
}

void PrivateMapper::UnmapRegion(Region& region) { region.memory.Reset(); }

Status PrivateMapper::CreatePool(uint64_t page_bytes, SlotIndex slot_count,
                                 std::unique_ptr<FramePool>* pool) {
  Mapping memory;
  bool huge = false;
  const uint64_t align = AlignmentOf(page_bytes, &huge);
  Status status = Mapping::Reserve(uint64_t{slot_count} * page_bytes, align, huge, &memory);
  if (!status.ok()) return status;
  if (uffd_.has_move()) {
    // Only as the destination of moves: with MISSING an engine thread that reads into a vacant
    // slot would wait for itself.
    status = uffd_.Register(memory.data(), memory.bytes(), Userfaultfd::kWriteProtect);
    if (!status.ok()) return status;
  }
  *pool = std::make_unique<FramePool>(page_bytes, slot_count, std::move(memory));
  return Status::Ok();
}

// In ---------------------------------------------------------------------------------------------

void PrivateMapper::MapIn(Region& region, PageIndex page, SlotRun run, bool moves,
                          bool for_write) {
  if (moves) {
    MoveIn(region, page, run);
    return;
  }
  uffd_.Copy(region.AddressOf(page), region.pool->AddressOf(run.first),
             run.count * region.page_bytes, region.writable && !for_write);
}

void PrivateMapper::MoveIn(Region& region, PageIndex page, SlotRun run) {
  uint8_t* to = region.AddressOf(page);
  uint8_t* from = region.pool->AddressOf(run.first);
  uint64_t left = run.count * region.page_bytes;
  for (int attempt = 0; left > 0; attempt++) {
    uint64_t moved = 0;
    const UffdOutcome outcome = uffd_.Move(to, from, left, true, &moved);
    to += moved;
    from += moved;
    left -= moved;
    if (left == 0) return;
    CHECK(outcome == UffdOutcome::kBusy || outcome == UffdOutcome::kNoMemory);
    if (attempt < kMoveAttemptsMax) {
      sched_yield();
      continue;
    }
    // Copy what cannot be moved; the frame's memory is given back in exchange.
    uffd_.Copy(to, from, left, false);
    region.pool->ReleaseAddressRange(from, left);
    return;
  }
}

void PrivateMapper::MapZeros(Region& region, PageIndex first, PageIndex count) {
  uffd_.Zero(region.AddressOf(first), count * region.page_bytes);
}

// Out --------------------------------------------------------------------------------------------

uint64_t PrivateMapper::TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                                uint64_t bytes) {
  uint64_t moved = 0;
  uffd_.Move(region.pool->AddressOf(slot) + done, region.AddressOf(page) + done, bytes - done,
             false, &moved);
  return moved;
}

void PrivateMapper::PutBack(Region& region, PageIndex page, SlotIndex slot, uint64_t bytes) {
  uint8_t* const to = region.AddressOf(page);
  uint8_t* const from = region.pool->AddressOf(slot);
  for (uint64_t returned = 0; returned < bytes;) {
    uint64_t moved = 0;
    uffd_.Move(to + returned, from + returned, bytes - returned, true, &moved);
    returned += moved;
    if (moved == 0) sched_yield();
  }
}

void PrivateMapper::Release(Region& region, PageIndex first, PageIndex count) {
  region.memory.Release(uint64_t{first} * region.page_bytes, count * region.page_bytes);
}

void PrivateMapper::ReleaseEach(Region& region, const SlotRun* runs, size_t count) {
  iovec parts[kReleasedMax];
  CHECK(count <= kReleasedMax);
  for (size_t i = 0; i < count; i++) {
    parts[i] = {region.AddressOf(runs[i].first), runs[i].count * region.page_bytes};
  }
  region.memory.ReleaseEach(parts, count);
}

// Writes -----------------------------------------------------------------------------------------

void PrivateMapper::Protect(Region& region, PageIndex first, PageIndex count) {
  uffd_.WriteProtect(region.AddressOf(first), count * region.page_bytes);
}

void PrivateMapper::Unprotect(Region& region, PageIndex page) {
  uffd_.Unprotect(region.AddressOf(page), region.page_bytes);
}

// Trouble ----------------------------------------------------------------------------------------

void PrivateMapper::Poison(Region& region, PageIndex page, const Status&) {
  if (uffd_.has_poison()) {
    CHECK(uffd_.Poison(region.AddressOf(page), region.page_bytes) == UffdOutcome::kDone);
    return;
  }
  // No poison markers before Linux 6.6. A mapping behind the end of a file raises the same errors;
  // it replaces the page in one step, and who waits for the page is sent to find it.
  region.memory.MapFile(uint64_t{page} * region.page_bytes, region.page_bytes, empty_file_.get());
  Wake(region, page);
}

void PrivateMapper::Unpoison(Region& region, PageIndex first, PageIndex count) {
  const uint64_t offset = uint64_t{first} * region.page_bytes;
  const uint64_t bytes = count * region.page_bytes;
  if (uffd_.has_poison()) {
    region.memory.Release(offset, bytes);
    return;
  }
  // Not accessible until it is registered: a touch in between must not find fresh zeros.
  region.memory.MapInaccessible(offset, bytes);
  CHECK(uffd_.Register(region.AddressOf(first), bytes, RegisterModes(region)).ok());
  region.memory.MakeAccessible(offset, bytes);
}

void PrivateMapper::Wake(Region& region, PageIndex page) {
  uffd_.Wake(region.AddressOf(page), region.page_bytes);
}

// Nothing of the mapper's own keeps anybody out.
bool PrivateMapper::Restore(Region&, PageIndex) { return false; }

}  // namespace umap
