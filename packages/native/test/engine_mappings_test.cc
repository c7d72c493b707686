// Pages that come and go one by one cost the process mappings where protections show them; the
// kernel allows vm.max_map_count. Far more pages than that are touched here, in the worst order,
// and it is never exceeded, nor does anything fail for it.
#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>

#include "page/region.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/touch.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWordsPerPage = kPage / 8;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kPages = 1024 * kMiB / kPage;

constexpr const char* kNoneTaken = "pages take no mappings in this way";

uint64_t MappingsMax() {
  uint64_t max = 65530;
  std::ifstream("/proc/sys/vm/max_map_count") >> max;
  return max;
}

uint64_t Mappings() {
  std::ifstream file("/proc/self/maps");
  uint64_t count = 0;
  for (std::string line; std::getline(file, line);) count++;
  return count;
}

// Every second page in a random order, then those between: no page has a neighbour for a long time.
std::vector<PageIndex> WorstOrder() {
  std::vector<PageIndex> order(kPages);
  std::mt19937_64 random(Seed());
  for (PageIndex i = 0; i < kPages; i++) {
    order[i] = static_cast<PageIndex>(i < kPages / 2 ? 2 * i : 2 * i - kPages + 1);
  }
  std::shuffle(order.begin(), order.begin() + kPages / 2, random);
  std::shuffle(order.begin() + kPages / 2, order.end(), random);
  return order;
}

bool IsWritten(PageIndex page) { return page % 16 < 2; }

void TouchInWorstOrder(const DataFile& file, uint64_t budget) {
  const uint64_t mappings_max = MappingsMax();
  const auto buffer = BufferOf(budget);
  uint64_t most = 0;
  uint64_t wrong = 0;
  {
    Mapped region(file, buffer, {.page_bytes = kPage, .read_ahead_pages_max = 0});
    // 1. A few pages that must stay, with far gaps between them.
    constexpr PageIndex kPinStride = kPages / 64;
    for (PageIndex page = 0; page < kPages; page += kPinStride) {
      EXPECT_OK(Pin(region.region(), {page * kPage, kPage}));
    }
    // 2. One touch for each page.
    uint64_t done = 0;
    for (const PageIndex page : WorstOrder()) {
      volatile uint64_t* const words = region.words() + page * kWordsPerPage;
      wrong += words[1] != DataFile::WordAt(page * kPage + 8);
      if (IsWritten(page)) words[2] = words[2] + 1;
      if (++done % 8192 == 0) most = std::max(most, Mappings());
    }
    // 3. System calls still find the pages that are pinned.
    for (PageIndex page = 0; page < kPages; page += kPinStride) {
      EXPECT_EQ(ReadBySystemCall(region.words() + page * kWordsPerPage), 0);
      Unpin(region.region(), {page * kPage, kPage});
    }
    EXPECT_EQ(region.stats().store_errors, 0u);
  }
  for (PageIndex page = 0; page < kPages; page++) {
    if (!IsWritten(page)) continue;
    // The file is used again: each run added one.
    wrong += file.Read(page * kPage + 16) == DataFile::WordAt(page * kPage + 16);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_LT(most, mappings_max);
  EXPECT_LE(StatsOf(*buffer).resident_bytes_max, budget);
}

TEST(a_gibibyte_of_pages_touched_at_random_stays_below_the_limit_of_mappings) {
  SKIP_IF(UsesUserfaultfd(), kNoneTaken);
  EXPECT_LT(MappingsMax(), kPages / 2);
  const DataFile file(1024 * kMiB);
  TouchInWorstOrder(file, 1024 * kMiB);
  if (CurrentFailed()) return;
  TouchInWorstOrder(file, 256 * kMiB);
}

}  // namespace
}  // namespace umap::test
