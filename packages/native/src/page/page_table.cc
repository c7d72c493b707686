// See page_table.h.
#include "page/page_table.h"

#include <errno.h>
#include <sys/stat.h>

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

Status PageTable::CreateIn(int file, PageIndex page_count) {
  const uint64_t entry_bytes = uint64_t{page_count} * sizeof(PageEntry);
  const uint64_t chunk_count = uint64_t{page_count} / kChunkPages + 1;
  struct stat info = {};
  if (fstat(file, &info) != 0) return SystemError(errno, "the states of shared pages");
  if (static_cast<uint64_t>(info.st_size) != entry_bytes) {
    return Status::Fail(EINVAL, "the states of shared pages are not those of this region");
  }
  Status status = Mapping::MapShared(file, entry_bytes, 0, true, &shared_entries_);
  if (status.ok()) status = Mapping::Reserve(chunk_count * sizeof(Chunk), 0, false, &memory_);
  if (!status.ok()) return status;
  page_count_ = page_count;
  chunk_count_ = chunk_count;
  entries_ = reinterpret_cast<PageEntry*>(shared_entries_.data());
  chunks_ = reinterpret_cast<Chunk*>(memory_.data());
  return Status::Ok();
}

}  // namespace umap
