// The calling thread, by name and by number. The .cc is the platform's.
#pragma once

#include <cstdint>

namespace umap {

// At most 15 characters.
void NameThisThread(const char* name);

// The kernel's number of this thread, as debuggers show it; a system call, in signal handlers too.
int32_t ThisThreadId();

}  // namespace umap
