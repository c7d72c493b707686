// CHECK: an internal contradiction ends the process, in release builds too. Never for what the
// outside world may do. It uses no stdio, so that it ends the process in signal handlers too.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace umap {

[[noreturn]] inline void FailCheck(std::string_view text) {
  (void)!write(STDERR_FILENO, text.data(), text.size());
  std::abort();
}

}  // namespace umap

#define UMAP_TEXT_OF(x) #x
#define UMAP_TEXT(x) UMAP_TEXT_OF(x)
#define UMAP_HERE __FILE__ ":" UMAP_TEXT(__LINE__)
#define CHECK(condition)                                                               \
  do {                                                                                 \
    if (__builtin_expect(!(condition), 0)) {                                           \
      ::umap::FailCheck("umap: CHECK failed: " #condition " (" UMAP_HERE ")\n");       \
    }                                                                                  \
  } while (0)
