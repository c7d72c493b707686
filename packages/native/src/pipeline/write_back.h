// A write-back under way: a run of pages in state writing-back and the call that brings them to the
// store. Owned by the store until Done.
#pragma once

#include <cstdint>
#include <memory>

#include "page/page_word.h"
#include "pipeline/batch.h"
#include "store/store.h"

namespace umap {

class Pager;
struct Region;

struct WriteBack final : StoreCall {
  WriteBack(Pager& write_pager, Region& write_region, PageIndex first_page, PageIndex page_count)
      : pager(write_pager), region(write_region), first(first_page), count(page_count) {}

  void Done(StoreResult result) override;

  Pager& pager;
  Region& region;
  const PageIndex first;
  const PageIndex count;
  // The pages are wanted for their memory: evict those that end up clean.
  bool then_evict = false;
  std::shared_ptr<Batch> batch;
};

}  // namespace umap
