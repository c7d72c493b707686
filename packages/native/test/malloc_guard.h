// Ends a test where a fault handler asks for heap memory, which is not async-signal-safe. Defines
// malloc and its kin for the binary: include it in exactly one *_test.cc. With a sanitizer or
// another C library than glibc nothing is guarded.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define UMAP_MALLOC_IS_GUARDED 1
#endif

namespace umap::test {

// Set it on threads that touch regions, not on the engine's: there a blocked SIGSEGV says that a
// fault handler runs.
inline thread_local bool t_guards_malloc = false;

inline void RefuseMallocInHandlers() {
  if (!t_guards_malloc) return;
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  if (sigismember(&mask, SIGSEGV) != 1) return;
  constexpr char kWords[] = "malloc or free inside a fault handler\n";
  if (write(STDERR_FILENO, kWords, sizeof kWords - 1) < 0) _exit(3);
  abort();
}

}  // namespace umap::test

#if defined(UMAP_MALLOC_IS_GUARDED)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);

void* malloc(size_t bytes) {
  umap::test::RefuseMallocInHandlers();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  umap::test::RefuseMallocInHandlers();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  umap::test::RefuseMallocInHandlers();
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  umap::test::RefuseMallocInHandlers();
  return __libc_memalign(alignment, bytes);
}
void free(void* memory) {
  umap::test::RefuseMallocInHandlers();
  __libc_free(memory);
}
}
#endif
