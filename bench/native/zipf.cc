// See zipf.h; and the programs that read as it says, alone or beside a thread that scans.
#include "zipf.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "os/unique_fd.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

constexpr double kExponent = 0.99;
constexpr uint64_t kPlacesSeed = 4242;
constexpr uint64_t kPageBytes = 4096;
// Touches that each reader of `mixed` draws; it goes round in them.
constexpr uint64_t kReaderTouches = 1 << 20;

void Verify(const uint8_t* data, uint64_t offset) {
  const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(data + offset);
  if (word != WordAt(offset / kWordBytes)) Fail("wrong bytes at offset %lu", offset);
}

// Some word of each page.
void TouchPages(const uint8_t* data, const uint32_t* pages, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    Verify(data, pages[i] * kPageBytes + i * kWordBytes % kPageBytes);
  }
}

double SecondsSince(int64_t started_ns) {
  return static_cast<double>(NowNs() - started_ns) / 1e9;
}

}  // namespace

std::vector<uint32_t> DrawZipfPages(uint64_t page_count, uint64_t count, uint64_t seed) {
  // 1. The weights, summed up.
  std::vector<double> sums(page_count);
  double sum = 0;
  for (uint64_t rank = 0; rank < page_count; rank++) {
    sum += std::pow(static_cast<double>(rank + 1), -kExponent);
    sums[rank] = sum;
  }
  // 2. Where each rank lies.
  std::vector<uint32_t> places(page_count);
  std::iota(places.begin(), places.end(), 0);
  Random place_random(kPlacesSeed);
  for (uint64_t i = page_count; i > 1; i--) {
    std::swap(places[i - 1], places[place_random.Below(i)]);
  }
  // 3. The draws.
  Random random(seed);
  std::vector<uint32_t> pages(count);
  for (uint32_t& page : pages) {
    const double at = static_cast<double>(random.Next() >> 11) * 0x1p-53 * sum;
    const auto rank = std::upper_bound(sums.begin(), sums.end() - 1, at) - sums.begin();
    page = places[static_cast<uint64_t>(rank)];
  }
  return pages;
}

void WriteZipfTrace(const Options& options) {
  const std::vector<uint32_t> pages =
      DrawZipfPages(options.file_bytes / kPageBytes, options.touches, options.seed);
  const UniqueFd fd(Must(open(options.file.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC), "open"));
  const auto bytes = static_cast<ssize_t>(pages.size() * sizeof pages[0]);
  if (write(fd.get(), pages.data(), static_cast<size_t>(bytes)) != bytes) Fail("write");
  std::printf("{}\n");
}

void RunZipf(const Options& options) {
  const std::vector<uint32_t> pages =
      DrawZipfPages(options.file_bytes / kPageBytes, options.touches, options.seed);
  const uint64_t warm_up = options.warm_up_touches;
  if (warm_up >= pages.size()) Fail("nothing is left after the warm-up");
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  memory->BeginRandom(0);
  TouchPages(memory->data(), pages.data(), warm_up);
  const uint64_t fills_before = memory->fills();
  const int64_t started_ns = NowNs();
  const uint64_t touches = pages.size() - warm_up;
  TouchPages(memory->data(), pages.data() + warm_up, touches);
  const double seconds = SecondsSince(started_ns);
  const auto fills = static_cast<double>(memory->fills() - fills_before);
  memory->Check();
  std::printf("{\"touchesPerSecond\":%.1f,\"hitPercent\":%.3f}\n",
              static_cast<double>(touches) / seconds,
              100 * (1 - fills / static_cast<double>(touches)));
}

void RunMixed(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  const uint8_t* const data = memory->data();
  std::vector<std::vector<uint32_t>> pages;
  for (uint64_t i = 0; i < options.threads; i++) {
    pages.push_back(
        DrawZipfPages(options.file_bytes / kPageBytes, kReaderTouches, options.seed * 1000 + i));
  }
  memory->BeginRandom(0);
  // Counts start when the readers have found their pages, and stop with the clock.
  std::atomic<bool> counts{false}, ends{false};
  std::atomic<uint64_t> touches{0}, scanned_bytes{0};
  std::vector<std::thread> threads;
  for (const std::vector<uint32_t>& mine : pages) {
    threads.emplace_back([&] {
      uint64_t counted = 0;
      for (uint64_t at = 0; !ends.load(std::memory_order_relaxed); at = (at + 1) % mine.size()) {
        TouchPages(data, &mine[at], 1);
        counted += counts.load(std::memory_order_relaxed) ? 1 : 0;
      }
      touches += counted;
    });
  }
  threads.emplace_back([&] {
    for (uint64_t offset = 0; !ends.load(); offset = (offset + kPageBytes) % options.file_bytes) {
      Verify(data, offset);
      const uint64_t sum = SumWords(reinterpret_cast<const uint64_t*>(data + offset), kPageBytes);
      // The sum must be made, though nobody looks at it.
      asm volatile("" : : "r"(sum));
      if (counts.load()) scanned_bytes += kPageBytes;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(options.milliseconds));
  counts = true;
  const int64_t started_ns = NowNs();
  std::this_thread::sleep_for(std::chrono::milliseconds(options.milliseconds));
  ends = true;
  const double seconds = SecondsSince(started_ns);
  for (std::thread& thread : threads) thread.join();
  // Readers that got no further in all that time were blocked in a touch, which is one.
  const auto counted = static_cast<double>(std::max<uint64_t>(touches.load(), 1));
  const auto scanned = static_cast<double>(scanned_bytes.load());
  memory->Check();
  std::printf("{\"touchesPerSecond\":%.1f,\"scannedMegabytesPerSecond\":%.1f}\n",
              counted / seconds, scanned / 1e6 / seconds);
}

}  // namespace umap::bench
