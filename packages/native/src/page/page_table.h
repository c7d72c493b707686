// The page table of one region: an entry a page, in address space that costs memory only where it
// was touched, and a count of resident and of dirty pages per chunk, so that a walk over a large,
// mostly empty region skips what is empty. Any thread, no lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "os/mapping.h"
#include "page/page_word.h"

namespace umap {

class PageTable {
 public:
  static constexpr PageIndex kChunkPages = 4096;

  Status Create(PageIndex page_count);
  // The entries lie in a file, which outlives the process, and are what it says. The counts are
  // this process's own, and nought.
  Status CreateIn(int file, PageIndex page_count);

  PageEntry& operator[](PageIndex page) const { return entries_[page]; }
  PageIndex page_count() const { return page_count_; }

  // Pages with a node in the page buffer.
  void AddResident(PageIndex page, int32_t delta) {
    Add(chunks_[page / kChunkPages].resident, delta);
  }
  // Pages in dirtying, dirty or writing-back. Raised before a page becomes writable.
  void AddDirty(PageIndex page, int32_t delta) { Add(chunks_[page / kChunkPages].dirty, delta); }

  uint64_t CountResident() const { return Count(&Chunk::resident); }
  uint64_t CountDirty() const { return Count(&Chunk::dirty); }

  // How many pages from `page` on are in a chunk without resident pages.
  PageIndex EmptyFrom(PageIndex page) const {
    if (chunks_[page / kChunkPages].resident.load() != 0) return 0;
    return std::min(kChunkPages - page % kChunkPages, page_count_ - page);
  }

  // Calls visit(page) for each page of [first, end) whose chunk has resident, or dirty, pages.
  template <typename Visit>
  void ForEachResident(PageIndex first, PageIndex end, Visit visit) const {
    ForEach(first, end, [](const Chunk& c) { return c.resident.load() != 0; }, visit);
  }
  template <typename Visit>
  void ForEachDirty(PageIndex first, PageIndex end, Visit visit) const {
    ForEach(first, end, [](const Chunk& c) { return c.dirty.load() != 0; }, visit);
  }

 private:
  struct Chunk {
    std::atomic<int32_t> resident;
    std::atomic<int32_t> dirty;
  };

  static void Add(std::atomic<int32_t>& count, int32_t delta) { count.fetch_add(delta); }

  uint64_t Count(std::atomic<int32_t> Chunk::* member) const {
    int64_t sum = 0;
    for (uint64_t i = 0; i < chunk_count_; i++) sum += (chunks_[i].*member).load();
    return sum > 0 ? static_cast<uint64_t>(sum) : 0;
  }

  template <typename Wanted, typename Visit>
  void ForEach(PageIndex first, PageIndex end, Wanted wanted, Visit visit) const {
    for (PageIndex page = first; page < end;) {
      const PageIndex chunk = page / kChunkPages;
      const uint64_t behind = (uint64_t{chunk} + 1) * kChunkPages;
      const PageIndex stop = behind < end ? static_cast<PageIndex>(behind) : end;
      if (wanted(chunks_[chunk])) {
        for (; page < stop; page++) visit(page);
      }
      page = stop;
    }
  }

  Mapping memory_;
  Mapping shared_entries_;
  PageIndex page_count_ = 0;
  PageEntry* entries_ = nullptr;
  Chunk* chunks_ = nullptr;
  uint64_t chunk_count_ = 0;
};

}  // namespace umap
