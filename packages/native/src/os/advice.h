// What the kernel is told about mappings, beyond what mmap(2) says: mapping.cc is the only caller.
// The .cc is the platform's.
#pragma once

#include <sys/uio.h>

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
// The same for up to 64 ranges of private memory at once: the processors that may still know them
// are told once, not once for each, which costs more than all the rest.
int GiveBackEach(const iovec* ranges, size_t count);

}  // namespace umap
