// The allocation of an arena's parts.
#include <iterator>
#include <map>
#include <random>

#include "store/host_arena.h"
#include "test/expect.h"

namespace umap {
namespace {

TEST(arena_parts_never_overlap_and_all_come_back) {
  std::mt19937_64 random(test::Seed());
  std::shared_ptr<HostArena> arena;
  EXPECT_OK(HostArena::Create(HostArena::Kind::kPrivate, 1 << 20, &arena));
  std::map<uint64_t, uint64_t> taken;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const uint64_t bytes = 1 + random() % 70'000;
      const auto offset = arena->Allocate(bytes);
      if (!offset) continue;
      const auto after = taken.lower_bound(*offset);
      EXPECT_TRUE(after == taken.end() || *offset + bytes <= after->first);
      EXPECT_TRUE(after == taken.begin() ||
                  std::prev(after)->first + std::prev(after)->second <= *offset);
      EXPECT_LE(*offset + bytes, arena->bytes());
      taken.emplace(*offset, bytes);
    } else if (!taken.empty()) {
      const auto part = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
      arena->Free(part->first, part->second);
      taken.erase(part);
    }
  }
  for (const auto& [offset, bytes] : taken) arena->Free(offset, bytes);
  EXPECT_TRUE(arena->Allocate(1 << 20).has_value());
}

}  // namespace
}  // namespace umap
