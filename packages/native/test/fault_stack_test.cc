// How much stack the way of a fault takes on the thread that touches, from the kernel's frame down:
// threads of other runtimes have alternate stacks of 8 KiB, the kernel's frame included.
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/ways.h"

namespace umap::test {
namespace {

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

constexpr uint64_t kPage = 4096;
constexpr uint64_t kPages = 512;
constexpr uint64_t kStackBytes = 1 << 16;
constexpr uint64_t kEngineBytesMax = 4096;
constexpr char kPaint = 0x5a;

alignas(64) char g_stack[kStackBytes];

uint64_t UsedBytes() {
  uint64_t untouched = 0;
  while (untouched < kStackBytes && g_stack[untouched] == kPaint) untouched++;
  return kStackBytes - untouched;
}

TEST(a_fault_needs_little_of_an_alternate_stack) {
  SKIP_IF(ReadsMessages(), "nothing runs on the thread that touches in this way");
  const DataFile file(kPages * kPage);
  Mapped region(file, BufferOf(64 * kPage));
  std::memset(g_stack, kPaint, kStackBytes);
  const stack_t stack = {g_stack, 0, kStackBytes};
  stack_t before;
  EXPECT_SYS(sigaltstack(&stack, &before));
  // Fills, evictions of the oldest, first writes, and what read-ahead does in between.
  for (uint64_t round = 0; round < 4; round++) {
    for (uint64_t page = 0; page < kPages; page++) {
      const uint64_t at = (round % 2 ? page : page * 37 % kPages) * kPage / 8;
      if (page % 3 == 0) region.words()[at] = region.words()[at] + 1;
      if (region.words()[at] == 0) region.words()[at] = 1;
    }
  }
  EXPECT_SYS(sigaltstack(&before, nullptr));
  const uint64_t used = UsedBytes();
  const auto kernel = static_cast<uint64_t>(sysconf(_SC_MINSIGSTKSZ));
  std::printf("(%llu bytes, %llu of them the kernel's) ", static_cast<unsigned long long>(used),
              static_cast<unsigned long long>(kernel));
  EXPECT_GT(used, 0);
  EXPECT_LT(used, kernel + kEngineBytesMax);
}

#endif

}  // namespace
}  // namespace umap::test
