// Waiting until a word of memory changes: what mutexes, condition variables and progress counts
// are made of. Any thread, and signal handlers too: no memory is taken, no lock, no thread-local
// storage, and errno is left as it was. The .cc is the platform's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace umap {

// Waits while the word is `expected`, until a FutexWake. It may also return for no reason: the
// caller looks at the word again.
void FutexWait(const std::atomic<uint32_t>& word, uint32_t expected);
// The same, for `time` at most.
void FutexWaitFor(const std::atomic<uint32_t>& word, uint32_t expected,
                  std::chrono::nanoseconds time);

// Wakes up to `count` of those who wait for the word, who came first before the others. The word
// is only an address here: it may be gone, and then at worst somebody else is woken for no reason.
void FutexWake(const std::atomic<uint32_t>& word, uint32_t count);
inline void FutexWakeAll(const std::atomic<uint32_t>& word) { FutexWake(word, INT32_MAX); }

}  // namespace umap
