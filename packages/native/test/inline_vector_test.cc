// A vector that needs no heap for a few elements, beside the one that always does.
#include "os/inline_vector.h"

#include <span>
#include <vector>

#include "test/expect.h"

namespace umap::test {
namespace {

struct Run {
  uint32_t first = 5;
  uint64_t count = 6;
  bool operator==(const Run&) const = default;
};
using Few = InlineVector<Run, 4>;

bool Same(const Few& few, const std::vector<Run>& expected) {
  return std::equal(few.begin(), few.end(), expected.begin(), expected.end());
}

bool LiesInside(const Few& few) {
  const auto* const data = reinterpret_cast<const char*>(few.data());
  const auto* const self = reinterpret_cast<const char*>(&few);
  return data >= self && data < self + sizeof few;
}

Few Of(uint32_t count) {
  Few few;
  for (uint32_t i = 0; i < count; i++) few.push_back({i, i});
  return few;
}

TEST(it_goes_to_the_heap_only_beyond_its_own_elements) {
  Few few = Of(4);
  EXPECT_TRUE(LiesInside(few));
  EXPECT_EQ(few.capacity(), 4u);
  few.push_back(few[0]);
  EXPECT_FALSE(LiesInside(few));
  EXPECT_TRUE(Same(few, {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {0, 0}}));
  // What it has it keeps.
  few.clear();
  EXPECT_TRUE(few.empty());
  EXPECT_GE(few.capacity(), 5u);
}

TEST(what_is_moved_or_copied_is_whole_inside_and_on_the_heap) {
  for (uint32_t from : {0u, 1u, 4u, 5u, 100u}) {
    for (uint32_t to : {0u, 3u, 4u, 5u, 200u}) {
      const Few expected = Of(from);
      const std::vector<Run> elements(expected.begin(), expected.end());
      Few source = expected;
      Few target = Of(to);
      target = source;
      EXPECT_TRUE(Same(target, elements));
      EXPECT_TRUE(Same(source, elements));
      Few moved = std::move(source);
      EXPECT_TRUE(source.empty());
      EXPECT_EQ(source.capacity(), 4u);
      target = Of(to);
      target = std::move(moved);
      EXPECT_TRUE(Same(target, elements));
      EXPECT_TRUE(moved.empty());
      // A source may be used again.
      moved.push_back({9, 9});
      moved.swap(target);
      EXPECT_TRUE(Same(target, {{9, 9}}));
      EXPECT_TRUE(Same(moved, elements));
      Few& self = moved;
      moved = self;
      EXPECT_TRUE(Same(moved, elements));
    }
  }
}

TEST(a_span_and_a_loop_take_it_as_it_is) {
  const Few few = {{1, 2}, {3, 4}};
  const std::span<const Run> span = few;
  EXPECT_EQ(span.size(), 2u);
  EXPECT_EQ(span[1].count, 4u);
  uint64_t sum = 0;
  for (const Run& run : few) sum += run.count;
  EXPECT_EQ(sum, 6u);
}

TEST(it_does_what_a_vector_does) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 200; round++) {
    Few few;
    std::vector<Run> vector;
    for (int i = 0; i < 100; i++) {
      const uint32_t value = static_cast<uint32_t>(random());
      switch (random() % 8) {
        case 0:
          few.resize(value % 12);
          vector.resize(value % 12);
          break;
        case 1:
          few.clear();
          vector.clear();
          break;
        case 2:
          if (vector.empty()) break;
          few.pop_back();
          vector.pop_back();
          break;
        case 3:
          if (vector.empty()) break;
          few[value % few.size()] = few.front();
          vector[value % vector.size()] = vector.front();
          break;
        case 4:
          EXPECT_EQ(few.emplace_back(value, 3u).first, value);
          vector.push_back({value, 3});
          break;
        default:
          few.push_back({value, 2});
          vector.push_back({value, 2});
          EXPECT_TRUE(few.back() == vector.back());
      }
      EXPECT_EQ(few.empty(), vector.empty());
      EXPECT_TRUE(Same(few, vector));
    }
  }
}

}  // namespace
}  // namespace umap::test
