// Map: install filled frames in the mapping, atomically, and wake who waits; or leave pages that
// nobody has asked for yet on standby. Runs on whichever thread finished the fill. The call that
// does it comes before the page's word says that it is there.
#include "page/test_points.h"
#include "pipeline/pager.h"

namespace umap {

void Pager::Map(Fill* fill, bool hole) {
  Region& region = fill->region;
  const bool moves = fill->moves;
  // 1. Places in the queues. Who arrives writable counts as dirty from before it can be written.
  region.buffer->InsertMapped(region, fill->first, fill->count);
  if (fill->for_write) {
    region.table[fill->first].MoveTo(PageState::kDirtying, kLasting);
    region.NoteDirty(fill->first);
  }
  if (fill->heals) region.mapper->Unpoison(region, fill->first, fill->count);
  // 2. The pages themselves. The kernel wakes the waiters with each piece.
  if (hole) {
    region.mapper->MapZeros(region, fill->first, fill->count);
    region.zero_pages.fetch_add(fill->count);
    // The kernel's zero page takes none of the memory that a copy would have.
    if (!moves) region.buffer->ReturnMemory(fill->count * region.page_bytes);
  } else {
    PageIndex page = fill->first;
    for (const SlotRun& run : fill->frames) {
      region.mapper->MapIn(region, page, run, moves, fill->for_write);
      page += run.count;
    }
  }
  TestPoint("after-map");
  // 3. The words, and with them the page is anybody's.
  if (fill->for_write) {
    region.table[fill->first].MoveTo(PageState::kDirty, kLasting);
  } else {
    for (PageIndex page = fill->first; page < fill->first + fill->count; page++) {
      PublishMapped(region, page, hole ? uint32_t{kZero} : 0u);
    }
  }
  // 4. The frames: lent to the mapping, or read out and free.
  if (moves && !hole) {
    region.buffer->VacateFrames(*region.pool, fill->frames);
  } else {
    region.buffer->PutFrames(*region.pool, fill->frames);
  }
  if (region.buffer->BytesToEvict() > 0) WakeEvictors();
  EndFill(fill, Status::Ok());
}

void Pager::PublishMapped(Region& region, PageIndex page, uint32_t flags) {
  PageEntry& entry = region.table[page];
  for (PageWord word = entry.Load();;) {
    const PageWord kept(word.bits() & kLasting);
    if (!word.Has(kWantedForWriting)) {
      if (entry.Replace(&word, kept.In(PageState::kClean).With(flags))) return;
      continue;
    }
    // A thread read the page, then wrote it, before its word said that it was there.
    if (!entry.Replace(&word, kept.In(PageState::kDirtying))) continue;
    region.NoteDirty(page);
    PublishDirty(region, page);
    return;
  }
}

void Pager::PublishDirty(Region& region, PageIndex page) {
  TestPoint("before-unprotect");
  region.mapper->Unprotect(region, page);
  region.table[page].MoveTo(PageState::kDirty, kLasting);
  region.mapper->Admit(region, page, 1);
  region.NoteProgress();
}

void Pager::Stage(Fill* fill) {
  Region& region = fill->region;
  // 1. Somebody has run into what was read ahead: then the rest will be wanted at once.
  bool wanted = false;
  for (PageIndex page = fill->first; page < fill->first + fill->count && !wanted; page++) {
    wanted = region.table[page].Load().Has(kWanted | kWantedForWriting | kPinned);
  }
  if (!wanted && region.buffer->InsertStandby(region, fill->first, fill->frames)) {
    EndFill(fill, Status::Ok());
    return;
  }
  region.counters.Add(Counter::kReadAheadUsedBytes, fill->count * region.page_bytes);
  fill->cause = FillCause::kPrefault;
  fill->has_memory = false;
  RunFill(fill);
}

}  // namespace umap
