// See page_table.h.
#include "page/page_table.h"

namespace umap {

Status PageTable::Create(PageIndex page_count) {
  const uint64_t entry_bytes = uint64_t{page_count} * sizeof(PageEntry);
  const uint64_t chunk_count = uint64_t{page_count} / kChunkPages + 1;
  Status status = Mapping::Reserve(entry_bytes + chunk_count * sizeof(Chunk), 0, false, &memory_);
  if (!status.ok()) return status;
  // Fresh anonymous memory is zero: every page absent, every count nought.
  page_count_ = page_count;
  chunk_count_ = chunk_count;
  entries_ = reinterpret_cast<PageEntry*>(memory_.data());
  chunks_ = reinterpret_cast<Chunk*>(memory_.data() + entry_bytes);
  return Status::Ok();
}

}  // namespace umap
