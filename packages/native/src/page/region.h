// A mapped range backed by one store: what every stage of the pipeline needs to know of it. Lives
// from Open to Close; whoever works on it without holding one of its pages counts in `in_flight`.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "os/futex.h"
#include "os/mapping.h"
#include "os/mutex.h"
#include "os/unique_fd.h"
#include "page/events.h"
#include "page/frame_pool.h"
#include "page/mapper.h"
#include "page/page_buffer.h"
#include "page/page_table.h"
#include "page/stats.h"

namespace umap {

class Pager;
class Store;

struct Region {
  // No two regions of a process have the same, where one may follow another at its address.
  const uint64_t number = NextNumber();
  // Fixed from Open on.
  std::shared_ptr<Store> store;
  std::shared_ptr<PageBuffer> buffer;
  Pager* pager = nullptr;
  Mapper* mapper = nullptr;
  // Frames for its pages; its own where they have their places.
  FramePool* pool = nullptr;
  std::unique_ptr<FramePool> placed_frames;
  std::unique_ptr<MapperState> mapper_state;
  // Where the pages lie, when clients map them too.
  UniqueFd shared_pages;
  bool writable = false;
  // Pages that leave keep their bytes for a while, on standby; else they are dropped.
  bool stands_by = false;
  uint32_t page_shift = 0;
  uint64_t page_bytes = 0;
  uint64_t store_offset = 0;
  uint64_t byte_length = 0;
  PageIndex page_count = 0;
  PageIndex read_ahead_pages_max = 0;
  Mapping memory;
  PageTable table;

  RegionCounters counters;

  // Fills, write-backs and evictions under way. Close waits until there are none.
  std::atomic<int64_t> in_flight{0};
  // Counts pages that left a state somebody may wait for; see WaitForProgress.
  std::atomic<uint32_t> progress{0};
  std::atomic<uint32_t> watchers{0};
  // Write-backs are not started before this time after the store refused one.
  std::atomic<int64_t> write_back_not_before_ns{0};
  std::atomic<uint32_t> write_backs_refused{0};
  // Clients may write pages unnoticed still: what is dirty stays so.
  std::atomic<bool> write_backs_held{false};
  // A close has failed; used by one close at a time.
  bool close_refused = false;
  // The watchdog's own: until then it does not name again that the store hangs.
  int64_t stall_quiet_until_ns = 0;
  // Read-ahead pages that were dropped before anybody asked for them, since the last reckoning.
  std::atomic<uint32_t> read_ahead_wasted{0};

  Mutex mutex;
  std::map<uint64_t, EventSink> subscribers GUARDED_BY(mutex);
  uint64_t next_subscription GUARDED_BY(mutex) = 1;
  // How often each pinned page is pinned.
  std::map<PageIndex, uint32_t> pins GUARDED_BY(mutex);
  std::atomic<uint64_t> pinned_pages{0};
  int64_t pinned_ranges GUARDED_BY(mutex) = 0;
  // Pages whose pins a server left behind that is gone; each counts once in `pins`.
  std::vector<PageIndex> inherited_pins GUARDED_BY(mutex);
  // Mapped pages with no memory behind them: the kernel's zero page.
  std::atomic<uint64_t> zero_pages{0};

  static uint64_t NextNumber();

  uint8_t* AddressOf(PageIndex page) const {
    return memory.data() + (uint64_t{page} << page_shift);
  }
  // Where the engine reads and writes the bytes of a page that is present.
  uint8_t* BytesOf(PageIndex page) const {
    return pool->placed() ? pool->AddressOf(page) : AddressOf(page);
  }
  PageIndex PageAt(uint64_t address) const {
    return static_cast<PageIndex>((address - reinterpret_cast<uint64_t>(memory.data())) >>
                                  page_shift);
  }
  // Bytes of [first, first + count) that exist in the store: all but the tail's padding.
  uint64_t StoreBytes(PageIndex first, PageIndex count) const {
    const uint64_t begin = uint64_t{first} << page_shift;
    const uint64_t end = begin + (uint64_t{count} << page_shift);
    return (end < byte_length ? end : byte_length) - begin;
  }
  uint64_t StoreOffset(PageIndex page) const {
    return store_offset + (uint64_t{page} << page_shift);
  }

  // A page becomes newer than the store, or equal to it again. Noted before it can be written.
  void NoteDirty(PageIndex page) {
    table.AddDirty(page, 1);
    buffer->dirty_bytes.fetch_add(page_bytes);
  }
  void NoteClean(PageIndex page) {
    table.AddDirty(page, -1);
    buffer->dirty_bytes.fetch_sub(page_bytes);
  }

  // A page is not being taken away any more, which `before` still says: who asked for it meanwhile
  // asks again. The last use of the region by whoever evicted.
  void EndEviction(PageIndex page, PageWord before);

  // A page left filling, dirtying, writing-back or evicting.
  void NoteProgress() {
    if (watchers.load() == 0) return;
    progress.fetch_add(1);
    FutexWakeAll(progress);
  }
};

// Tells the region's subscribers, under its mutex: once Unsubscribe has returned, the sink is at
// rest.
void Publish(Region& region, const RegionEvent& event);

}  // namespace umap
