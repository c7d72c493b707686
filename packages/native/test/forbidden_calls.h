// What a signal handler must not call ends the process where a fault handler calls it: memory
// allocation, locks, standard streams. The engine's handlers are caught as it installs them:
// sigaction(2) is interposed, and tells nobody. Include it in exactly one *_test.cc of a binary.
//
// Sanitizers have such functions of their own, and other C libraries other names: there it does
// nothing, and kWatchesCalls says so.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define UMAP_WATCHES_CALLS 1
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#endif

namespace umap::test {

#ifdef UMAP_WATCHES_CALLS
constexpr bool kWatchesCalls = true;
#else
constexpr bool kWatchesCalls = false;
#endif

// How deep this thread is in handlers of SIGSEGV and SIGBUS, and how often any thread was in one.
inline thread_local int t_handlers = 0;
inline std::atomic<uint64_t> g_handler_runs{0};

}  // namespace umap::test

#ifdef UMAP_WATCHES_CALLS

namespace umap::test {

// The actions as their owners see them; what is installed is CountHandler.
inline struct sigaction g_actions[2];
inline struct sigaction& ActionOf(int signal) { return g_actions[signal == SIGSEGV ? 0 : 1]; }

inline void CountHandler(int signal, siginfo_t* info, void* context) {
  t_handlers++;
  g_handler_runs.fetch_add(1);
  ActionOf(signal).sa_sigaction(signal, info, context);
  t_handlers--;
}

// The next definition of a function, found before any handler runs.
template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

inline void Refuse(const char* name) {
  if (__builtin_expect(t_handlers == 0, 1)) return;
  const char text[] = "\ncalled in a fault handler: ";
  (void)!write(STDOUT_FILENO, text, sizeof text - 1);
  (void)!write(STDOUT_FILENO, name, strlen(name));
  (void)!write(STDOUT_FILENO, "\n", 1);
  abort();
}

}  // namespace umap::test

extern "C" {

// The visible ones take the place of the C library's, in shared libraries too.
#define UMAP_VISIBLE __attribute__((visibility("default")))

void* __libc_malloc(size_t);
void __libc_free(void*);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

UMAP_VISIBLE void* malloc(size_t bytes) {
  umap::test::Refuse("malloc");
  return __libc_malloc(bytes);
}
UMAP_VISIBLE void free(void* memory) {
  umap::test::Refuse("free");
  __libc_free(memory);
}
UMAP_VISIBLE void* calloc(size_t count, size_t bytes) {
  umap::test::Refuse("calloc");
  return __libc_calloc(count, bytes);
}
UMAP_VISIBLE void* realloc(void* memory, size_t bytes) {
  umap::test::Refuse("realloc");
  return __libc_realloc(memory, bytes);
}
UMAP_VISIBLE void* memalign(size_t alignment, size_t bytes) {
  umap::test::Refuse("memalign");
  return __libc_memalign(alignment, bytes);
}
UMAP_VISIBLE void* aligned_alloc(size_t alignment, size_t bytes) {
  umap::test::Refuse("aligned_alloc");
  return __libc_memalign(alignment, bytes);
}
UMAP_VISIBLE int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  umap::test::Refuse("posix_memalign");
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}

UMAP_VISIBLE int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static auto* const next = umap::test::Next<int(pthread_mutex_t*)>("pthread_mutex_lock");
  umap::test::Refuse("pthread_mutex_lock");
  return next(mutex);
}
UMAP_VISIBLE int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  static auto* const next = umap::test::Next<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  umap::test::Refuse("pthread_rwlock_rdlock");
  return next(lock);
}
UMAP_VISIBLE int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  static auto* const next = umap::test::Next<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
  umap::test::Refuse("pthread_rwlock_wrlock");
  return next(lock);
}
UMAP_VISIBLE int pthread_cond_broadcast(pthread_cond_t* condition) {
  static auto* const next = umap::test::Next<int(pthread_cond_t*)>("pthread_cond_broadcast");
  umap::test::Refuse("pthread_cond_broadcast");
  return next(condition);
}
UMAP_VISIBLE int vfprintf(FILE* file, const char* format, va_list arguments) {
  static auto* const next = umap::test::Next<int(FILE*, const char*, va_list)>("vfprintf");
  umap::test::Refuse("vfprintf");
  return next(file, format, arguments);
}
UMAP_VISIBLE size_t fwrite(const void* bytes, size_t size, size_t count, FILE* file) {
  static auto* const next = umap::test::Next<size_t(const void*, size_t, size_t, FILE*)>("fwrite");
  umap::test::Refuse("fwrite");
  return next(bytes, size, count, file);
}

UMAP_VISIBLE int sigaction(int signal, const struct sigaction* action,
                           struct sigaction* before) noexcept {
  static auto* const next =
      umap::test::Next<int(int, const struct sigaction*, struct sigaction*)>("sigaction");
  if (signal != SIGSEGV && signal != SIGBUS) return next(signal, action, before);
  // Copied first: both may be the same object.
  struct sigaction seen = umap::test::ActionOf(signal);
  if (action != nullptr) {
    const struct sigaction wanted = *action;
    struct sigaction counted = wanted;
    const bool handles = wanted.sa_handler != SIG_DFL && wanted.sa_handler != SIG_IGN;
    if (handles) {
      counted.sa_sigaction = umap::test::CountHandler;
      counted.sa_flags |= SA_SIGINFO;
    }
    umap::test::ActionOf(signal) = wanted;
    if (const int result = next(signal, &counted, nullptr); result != 0) return result;
  }
  if (before != nullptr) *before = seen;
  return 0;
}

}  // extern "C"

#endif  // UMAP_WATCHES_CALLS
