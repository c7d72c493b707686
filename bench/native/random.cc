// Random touches: threads read words all over a file that is larger than the memory, so that most
// touches fault and every fault has to evict. Each word is compared with what the file holds there.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

// Touches between two looks at the clock.
constexpr int kBatch = 16;

void Verify(const uint8_t* data, uint64_t offset) {
  const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(data + offset);
  if (word != WordAt(offset / kWordBytes)) Fail("wrong bytes at offset %lu", offset);
}

uint64_t TouchUntil(const uint8_t* data, uint64_t file_bytes, uint64_t seed, int64_t end_ns) {
  Random random(seed);
  uint64_t touches = 0;
  do {
    for (int i = 0; i < kBatch; i++) {
      Verify(data, random.Below(file_bytes / kWordBytes) * kWordBytes);
    }
    touches += kBatch;
  } while (NowNs() < end_ns);
  return touches;
}

}  // namespace

void RunRandom(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  const uint8_t* const data = memory->data();
  // 1. A full buffer.
  memory->BeginRandom(std::min(options.buffer_bytes, options.file_bytes));
  // 2. The touches.
  const int64_t started_ns = NowNs();
  const int64_t end_ns = started_ns + static_cast<int64_t>(options.milliseconds) * 1'000'000;
  std::atomic<uint64_t> touches{0};
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < options.threads; i++) {
    threads.emplace_back([&, i] {
      touches += TouchUntil(data, options.file_bytes, options.seed * 1000 + i, end_ns);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  memory->Check();
  std::printf("{\"touchesPerSecond\":%.1f}\n", static_cast<double>(touches.load()) / seconds);
}

}  // namespace umap::bench
