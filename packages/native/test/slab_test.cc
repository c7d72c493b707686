// Memory that a signal handler may ask for.
#include "os/slab.h"

#include <algorithm>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "test/expect.h"

namespace umap::test {
namespace {

struct Small : SlabAllocated<Small> {
  uint8_t byte = 7;
};
struct alignas(64) Large : SlabAllocated<Large> {
  std::vector<int> heap = std::vector<int>(10, 3);
  uint64_t words[700] = {};
};
struct Huge : SlabAllocated<Huge> {
  uint8_t bytes[100'000] = {};
};

TEST(blocks_have_the_size_and_alignment_of_their_type) {
  using Case = std::tuple<int, int, int>;
  for (const auto& [bytes, align, expected] :
       {Case{1, 1, 8}, {8, 8, 8}, {9, 8, 16}, {24, 16, 32}, {100, 64, 128}, {5000, 8, 5000}}) {
    Slab slab(bytes, align);
    EXPECT_EQ(slab.block_bytes(), expected);
    std::vector<uint8_t*> blocks;
    for (int i = 0; i < 300; i++) {
      blocks.push_back(static_cast<uint8_t*>(slab.Take()));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.back()) % align, 0u);
      std::memset(blocks.back(), i, bytes);
    }
    // None lies in another.
    for (int i = 0; i < 300; i++) EXPECT_EQ(blocks[i][bytes - 1], static_cast<uint8_t>(i));
    std::sort(blocks.begin(), blocks.end());
    for (int i = 1; i < 300; i++) EXPECT_TRUE(blocks[i] - blocks[i - 1] >= bytes);
    EXPECT_EQ(slab.in_use(), 300u);
    for (uint8_t* block : blocks) slab.Put(block);
    EXPECT_EQ(slab.in_use(), 0u);
  }
}

TEST(what_was_put_back_is_taken_again) {
  Slab slab(200, 8);
  std::set<void*> first;
  for (int i = 0; i < 1000; i++) first.insert(slab.Take());
  EXPECT_EQ(first.size(), 1000u);
  for (void* block : first) slab.Put(block);
  for (int i = 0; i < 1000; i++) EXPECT_TRUE(first.contains(slab.Take()));
}

TEST(new_and_delete_of_a_class_use_its_slab) {
  auto* const small = new Small;
  auto* const large = new (std::nothrow) Large;
  auto* const huge = new Huge;
  EXPECT_EQ(small->byte, 7);
  EXPECT_EQ(large->heap[9], 3);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large) % 64, 0u);
  EXPECT_EQ(huge->bytes[99'999], 0);
  EXPECT_EQ(Small::objects_in_use() + Large::objects_in_use() + Huge::objects_in_use(), 3u);
  delete small;
  delete large;
  delete huge;
  delete static_cast<Small*>(nullptr);
  EXPECT_EQ(Small::objects_in_use() + Large::objects_in_use() + Huge::objects_in_use(), 0u);
}

TEST(threads_never_get_the_same_block) {
  Slab slab(40, 8);
  std::atomic<uint64_t> shared{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(Seed() + t);
      std::vector<uint64_t*> mine;
      for (int i = 0; i < 20'000; i++) {
        if (mine.size() < 50 && random() % 2 == 0) {
          mine.push_back(static_cast<uint64_t*>(slab.Take()));
          for (int word = 0; word < 5; word++) mine.back()[word] = t;
        } else if (!mine.empty()) {
          std::swap(mine[random() % mine.size()], mine.back());
          for (int word = 0; word < 5; word++) shared += mine.back()[word] != t;
          slab.Put(mine.back());
          mine.pop_back();
        }
      }
      for (uint64_t* block : mine) slab.Put(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.load(), 0u);
  EXPECT_EQ(slab.in_use(), 0u);
}

}  // namespace
}  // namespace umap::test
