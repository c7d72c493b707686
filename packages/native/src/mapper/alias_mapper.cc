// See alias_mapper.h.
#include "mapper/alias_mapper.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "os/check.h"
#include "os/shared_memory.h"
#include "page/region.h"

namespace umap {
namespace {

// What is closed at a time, and how many mappings it must have for that to be worth it.
constexpr PageIndex kStretchPages = 512;
constexpr int64_t kMappingsWorthClosing = 4;
// Attempts to make room where the kernel has no more mappings, because others took them.
constexpr int kAttemptsMax = 8;

bool IsPresent(PageState state) {
  return state == PageState::kClean || state == PageState::kDirtying ||
         state == PageState::kDirty || state == PageState::kWritingBack;
}

}  // namespace

struct AliasMapper::Memory final : MapperState {
  UniqueFd file;
  PageRights rights;
};

Status AliasMapper::Create(std::unique_ptr<AliasMapper>* mapper) {
  UniqueFd empty_file;
  Status status = CreateSharedMemory("umap-failed-pages", 0, &empty_file);
  if (!status.ok()) return status;
  mapper->reset(new AliasMapper(MappingsLeft() / 4 * 3, std::move(empty_file)));
  return Status::Ok();
}

AliasMapper::AliasMapper(uint64_t mappings_max, UniqueFd empty_file)
    : empty_file_(std::move(empty_file)), mappings_max_(mappings_max) {}

AliasMapper::Memory& AliasMapper::MemoryOf(Region& region) {
  return static_cast<Memory&>(*region.mapper_state);
}

// Nobody must notice the first write to a page that is never written back.
Right AliasMapper::RightToRead(const Region& region) {
  return region.writable ? Right::kRead : Right::kWrite;
}

// Beginning and end ------------------------------------------------------------------------------

Status AliasMapper::MapRegion(Region& region) {
  const uint64_t bytes = uint64_t{region.page_count} * region.page_bytes;
  auto memory = std::make_unique<Memory>();
  Mapping alias;
  Status status = CreateSharedMemory("umap-pages", bytes, &memory->file);
  const int file = memory->file.get();
  if (status.ok()) {
    status = Mapping::MapShared(file, bytes, region.page_bytes, false, &region.memory);
  }
  if (status.ok()) status = Mapping::MapShared(file, bytes, region.page_bytes, true, &alias);
  if (status.ok()) {
    status = memory->rights.Create(region.memory, region.page_bytes, region.page_count);
  }
  if (!status.ok()) return status;
  region.mapper_state = std::move(memory);
  region.placed_frames = std::make_unique<FramePool>(region.page_bytes, std::move(alias));
  region.pool = region.placed_frames.get();
  MutexLock lock(mutex_);
  regions_.push_back(&region);
  mappings_++;
  return Status::Ok();
}

void AliasMapper::UnmapRegion(Region& region) {
  if (region.mapper_state) {
    MutexLock lock(mutex_);
    mappings_ -= MemoryOf(region).rights.mappings();
    regions_.erase(std::find(regions_.begin(), regions_.end(), &region));
  }
  region.memory.Reset();
  region.placed_frames.reset();
  region.mapper_state.reset();
}

Status AliasMapper::CreatePool(uint64_t, SlotIndex, std::unique_ptr<FramePool>*) {
  return Status::Fail(EINVAL, "these frames have their places");
}

// In and out -------------------------------------------------------------------------------------

void AliasMapper::MapIn(Region& region, PageIndex page, SlotRun run, bool, bool for_write) {
  CHECK(run.first == page);
  MutexLock lock(mutex_);
  SetRights(region, page, run.count, for_write ? Right::kWrite : RightToRead(region));
}

void AliasMapper::MapZeros(Region&, PageIndex, PageIndex) { CHECK(!"there is no zero page"); }

uint64_t AliasMapper::TakeOut(Region& region, PageIndex page, SlotIndex slot, uint64_t done,
                              uint64_t bytes) {
  CHECK(slot == page && done == 0);
  MutexLock lock(mutex_);
  SetRights(region, page, static_cast<PageIndex>(bytes / region.page_bytes), Right::kNone);
  return bytes;
}

void AliasMapper::PutBack(Region&, PageIndex, SlotIndex, uint64_t) {
  CHECK(!"a page is always given away whole");
}

void AliasMapper::Release(Region& region, PageIndex first, PageIndex count) {
  {
    MutexLock lock(mutex_);
    SetRights(region, first, count, Right::kNone);
  }
  region.pool->ReleaseMemory({first, count});
}

// Writes -----------------------------------------------------------------------------------------

void AliasMapper::Protect(Region& region, PageIndex first, PageIndex count) {
  MutexLock lock(mutex_);
  SetRights(region, first, count, Right::kRead);
}

void AliasMapper::Unprotect(Region& region, PageIndex page) {
  MutexLock lock(mutex_);
  SetRights(region, page, 1, Right::kWrite);
}

bool AliasMapper::Restore(Region& region, PageIndex page) {
  MutexLock lock(mutex_);
  // Whoever takes the page away says so in its word before it asks for the mutex.
  if (!IsPresent(region.table[page].Load().state())) return true;
  if (MemoryOf(region).rights.Of(page) != Right::kNone) return false;
  SetRights(region, page, 1, RightToRead(region));
  return true;
}

// A pinned range may be a mapping between two others, and no room can be made of it.
bool AliasMapper::AddPins(int64_t ranges) {
  MutexLock lock(mutex_);
  const int64_t pinned = pinned_ranges_ + ranges;
  if (ranges > 0 && static_cast<uint64_t>(pinned) * 2 > mappings_max_ / 2) return false;
  pinned_ranges_ = pinned;
  return true;
}

// Trouble ----------------------------------------------------------------------------------------

void AliasMapper::Poison(Region& region, PageIndex page, const Status&) {
  MutexLock lock(mutex_);
  region.memory.MapFile(uint64_t{page} * region.page_bytes, region.page_bytes, empty_file_.get());
  NoteReplaced(region, page, 1, Right::kForeign);
}

void AliasMapper::Unpoison(Region& region, PageIndex first, PageIndex count) {
  MutexLock lock(mutex_);
  region.memory.MapInaccessible(uint64_t{first} * region.page_bytes, count * region.page_bytes,
                                MemoryOf(region).file.get());
  NoteReplaced(region, first, count, Right::kNone);
}

// Who waits does so for the page's word.
void AliasMapper::Wake(Region&, PageIndex) {}

// Rights -----------------------------------------------------------------------------------------

void AliasMapper::NoteReplaced(Region& region, PageIndex first, PageIndex count, Right right) {
  PageRights& rights = MemoryOf(region).rights;
  mappings_ -= rights.mappings();
  rights.Note(first, count, right);
  mappings_ += rights.mappings();
}

bool AliasMapper::TrySetRights(Region& region, PageIndex first, PageIndex count, Right right) {
  PageRights& rights = MemoryOf(region).rights;
  mappings_ -= rights.mappings();
  const bool set = rights.Set(first, count, right);
  mappings_ += rights.mappings();
  return set;
}

void AliasMapper::SetRights(Region& region, PageIndex first, PageIndex count, Right right) {
  PageRights& rights = MemoryOf(region).rights;
  if (rights.AllAre(first, count, right)) return;
  for (int attempt = 0;; attempt++) {
    const int64_t added = rights.MappingsAdded(first, count, right);
    if (added > 0 && mappings_ + static_cast<uint64_t>(added) > mappings_max_) MakeRoom();
    if (TrySetRights(region, first, count, right)) return;
    // The rest of the process has taken more of the mappings than it had when we began.
    CHECK(attempt < kAttemptsMax);
    mappings_max_ = mappings_ / 8 * 7;
    MakeRoom();
  }
}

void AliasMapper::MakeRoom() {
  const uint64_t enough = mappings_max_ / 8 * 7;
  uint64_t pages_left = 0;
  for (const Region* region : regions_) pages_left += region->page_count;
  while (mappings_ > enough && pages_left > 0) {
    if (hand_region_ >= regions_.size()) hand_region_ = 0;
    Region& region = *regions_[hand_region_];
    if (hand_page_ >= region.page_count) {
      hand_region_++;
      hand_page_ = 0;
      continue;
    }
    // Where nothing is resident nothing is open.
    const PageIndex skipped = region.table.EmptyFrom(hand_page_);
    if (skipped > 0) {
      hand_page_ += skipped;
      pages_left -= std::min<uint64_t>(skipped, pages_left);
      continue;
    }
    const PageIndex count = std::min(kStretchPages, region.page_count - hand_page_);
    const int64_t added = MemoryOf(region).rights.MappingsAdded(hand_page_, count, Right::kNone);
    if (-added >= kMappingsWorthClosing) CloseStretch(region, hand_page_, count);
    hand_page_ += count;
    pages_left -= std::min<uint64_t>(count, pages_left);
  }
}

void AliasMapper::CloseStretch(Region& region, PageIndex first, PageIndex count) {
  const PageRights& rights = MemoryOf(region).rights;
  const auto stays = [&](PageIndex page) {
    return rights.Of(page) == Right::kForeign || region.table[page].Load().Has(kPinned);
  };
  const PageIndex end = first + count;
  for (PageIndex page = first, behind; page < end; page = behind) {
    behind = page + 1;
    while (behind < end && stays(behind) == stays(page)) behind++;
    if (!stays(page)) TrySetRights(region, page, behind - page, Right::kNone);
  }
}

}  // namespace umap
