// CHECK: an internal contradiction ends the process, in release builds too. Never for what the
// outside world may do.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (__builtin_expect(!(condition), 0)) {                                               \
      std::fprintf(stderr, "umap: CHECK failed: %s (%s:%d)\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (0)
