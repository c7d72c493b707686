// See page_rights.h.
#include "mapper/page_rights.h"

#include <errno.h>
#include <sys/mman.h>

#include <cstring>

#include "os/check.h"

namespace umap {
namespace {

int ProtectionOf(Right right) {
  switch (right) {
    case Right::kRead: return PROT_READ;
    case Right::kWrite: return PROT_READ | PROT_WRITE;
    default: return PROT_NONE;
  }
}

}  // namespace

Status PageRights::Create(const Mapping& memory, uint64_t page_bytes, PageIndex page_count) {
  Status status = Mapping::Reserve(page_count, 0, false, &table_);
  if (!status.ok()) return status;
  memory_ = &memory;
  page_bytes_ = page_bytes;
  page_count_ = page_count;
  rights_ = table_.data();
  return Status::Ok();
}

bool PageRights::AllAre(PageIndex first, PageIndex count, Right right) const {
  for (PageIndex page = first; page < first + count; page++) {
    if (Of(page) != right) return false;
  }
  return true;
}

int64_t PageRights::MappingsAdded(PageIndex first, PageIndex count, Right right) const {
  const PageIndex end = first + count;
  int64_t before = 0;
  for (PageIndex page = first > 0 ? first : 1; page <= end && page < page_count_; page++) {
    before += Differ(page - 1, page);
  }
  int64_t after = 0;
  if (first > 0) after += Of(first - 1) != right;
  if (end < page_count_) after += Of(end) != right;
  return after - before;
}

bool PageRights::Set(PageIndex first, PageIndex count, Right right) {
  CHECK(right != Right::kForeign);
  uint8_t* const begin = memory_->data() + uint64_t{first} * page_bytes_;
  if (mprotect(begin, uint64_t{count} * page_bytes_, ProtectionOf(right)) != 0) {
    CHECK(errno == ENOMEM);
    return false;
  }
  Note(first, count, right);
  return true;
}

void PageRights::Note(PageIndex first, PageIndex count, Right right) {
  mappings_ += static_cast<uint64_t>(MappingsAdded(first, count, right));
  std::memset(rights_ + first, static_cast<int>(right), count);
}

}  // namespace umap
