// What a thread may do with each page of a region: the protection that mprotect(2) has set, kept
// here as well, because each run of pages with equal rights is a mapping of the kernel's, and their
// number is limited. Guarded by its user's mutex; may be used in a signal handler.
#pragma once

#include <cstdint>

#include "os/mapping.h"
#include "page/page_word.h"

namespace umap {

enum class Right : uint8_t {
  kNone,
  kRead,
  kWrite,
  // Another mapping lies there.
  kForeign,
};

class PageRights {
 public:
  // Over memory whose pages nobody may touch yet; it must outlive the object.
  Status Create(const Mapping& memory, uint64_t page_bytes, PageIndex page_count);

  Right Of(PageIndex page) const { return static_cast<Right>(rights_[page]); }
  bool AllAre(PageIndex first, PageIndex count, Right right) const;
  // How many mappings the memory consists of.
  uint64_t mappings() const { return mappings_; }
  // How many mappings more there are when these pages get the right.
  int64_t MappingsAdded(PageIndex first, PageIndex count, Right right) const;
  // False: the kernel has no room for the mappings that this would make.
  bool Set(PageIndex first, PageIndex count, Right right);
  // The same where the mapping itself was replaced by the caller.
  void Note(PageIndex first, PageIndex count, Right right);

 private:
  bool Differ(PageIndex left, PageIndex right) const { return rights_[left] != rights_[right]; }

  const Mapping* memory_ = nullptr;
  uint64_t page_bytes_ = 0;
  PageIndex page_count_ = 0;
  uint64_t mappings_ = 1;
  // A byte a page, in address space that costs memory only where it was touched.
  Mapping table_;
  uint8_t* rights_ = nullptr;
};

}  // namespace umap
