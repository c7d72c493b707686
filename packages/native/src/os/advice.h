// What the kernel is told about mappings, beyond what mmap(2) says: mapping.cc is the only caller.
// The .cc is the platform's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace umap {

// Each returns 0, or -1 and errno. No child process inherits the range.
int KeepFromChildren(uint8_t* begin, size_t bytes);
// The same, and keeps it out of core dumps where that can be; its pages huge, or never.
int KeepPrivate(uint8_t* begin, size_t bytes, bool huge);

// Gives the memory of a readable and writable range back; it reads as zeros afterwards. `shared`:
// it is a mapping of a file, which loses the bytes too.
int GiveBack(uint8_t* begin, size_t bytes, bool shared);

}  // namespace umap
