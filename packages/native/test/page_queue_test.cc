// The nodes of the page buffer: recycled, never moved, and given back.
#include "page/page_queue.h"

#include <set>
#include <vector>

#include "test/expect.h"

namespace umap::test {
namespace {

TEST(nodes_stay_where_they_are_and_are_used_again) {
  NodeArray nodes;
  // More than the first pieces hold.
  constexpr uint32_t kNodes = 20'000;
  std::vector<PageNode*> places;
  for (uint32_t i = 0; i < kNodes; i++) {
    const NodeIndex node = nodes.Allocate();
    EXPECT_NE(node, kNoNode);
    EXPECT_EQ(node, i + 1);
    EXPECT_EQ(nodes[node].slot, kNoSlot);
    nodes[node].page = i;
    places.push_back(&nodes[node]);
  }
  EXPECT_EQ((std::set<PageNode*>(places.begin(), places.end()).size()), kNodes);
  for (uint32_t i = 0; i < kNodes; i++) {
    EXPECT_EQ(&nodes[i + 1], places[i]);
    EXPECT_EQ(nodes[i + 1].page, i);
  }
  for (NodeIndex node = 1; node <= kNodes; node += 3) nodes.Free(node);
  for (NodeIndex node = 1; node <= kNodes; node += 3) {
    const NodeIndex again = nodes.Allocate();
    EXPECT_LE(again, kNodes);
    EXPECT_EQ(again % 3, 1u);
    EXPECT_EQ(nodes[again].page, 0u);
    EXPECT_EQ(nodes[again].next, kNoNode);
  }
  EXPECT_EQ(nodes.Allocate(), kNodes + 1);
}

TEST(cleared_nodes_begin_anew) {
  NodeArray nodes;
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 1; i <= 5000; i++) {
      EXPECT_EQ(nodes.Allocate(), i);
      EXPECT_EQ(nodes[i].page, 0u);
      nodes[i].page = i;
    }
    for (NodeIndex node = 1; node <= 5000; node++) nodes.Free(node);
    nodes.Clear();
  }
}

TEST(a_queue_keeps_its_order_with_removals_anywhere) {
  NodeArray nodes;
  PageQueue queue(QueueName::kProbation);
  std::vector<NodeIndex> expected;
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 5000; i++) {
    if (random() % 5 < 3 || expected.empty()) {
      expected.push_back(nodes.Allocate());
      queue.PushTail(nodes, expected.back(), 4096);
    } else {
      const size_t place = random() % expected.size();
      queue.Remove(nodes, expected[place], 4096);
      nodes.Free(expected[place]);
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(place));
    }
    EXPECT_EQ(queue.count(), expected.size());
    EXPECT_EQ(queue.bytes(), expected.size() * 4096);
  }
  NodeIndex node = queue.head();
  for (const NodeIndex wanted : expected) {
    EXPECT_EQ(node, wanted);
    node = nodes[node].next;
  }
  EXPECT_EQ(node, kNoNode);
}

}  // namespace
}  // namespace umap::test
