// The page buffer's record of each page that has memory, and the queues that order them. All of it
// belongs to the page buffer and is guarded by its mutex.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "page/frame_pool.h"
#include "page/page_word.h"

namespace umap {

struct Region;

using NodeIndex = uint32_t;
constexpr NodeIndex kNoNode = 0;

enum class QueueName : uint8_t { kNone, kProbation, kProtected, kStandby };

// One page with memory.
struct PageNode {
  Region* region = nullptr;
  PageIndex page = 0;
  NodeIndex previous = kNoNode;
  NodeIndex next = kNoNode;
  // On standby: the frame that holds the bytes.
  SlotIndex slot = kNoSlot;
  // In the protected queue: how often it is passed over before it is a victim.
  uint8_t rounds = 0;
  QueueName queue = QueueName::kNone;
};

// The nodes, recycled; number 0 is no node.
class NodeArray {
 public:
  NodeArray() : nodes_(1) {}

  PageNode& operator[](NodeIndex node) { return nodes_[node]; }
  NodeIndex Allocate() {
    if (unused_.empty()) {
      nodes_.emplace_back();
      return static_cast<NodeIndex>(nodes_.size() - 1);
    }
    const NodeIndex node = unused_.back();
    unused_.pop_back();
    return node;
  }
  void Free(NodeIndex node) {
    nodes_[node] = PageNode();
    unused_.push_back(node);
  }
  // Gives the memory back. REQUIRES: every node was freed.
  void Clear() {
    std::deque<PageNode>(1).swap(nodes_);
    std::vector<NodeIndex>().swap(unused_);
  }

 private:
  std::deque<PageNode> nodes_;
  std::vector<NodeIndex> unused_;
};

// First in, first out, with removal anywhere.
class PageQueue {
 public:
  explicit PageQueue(QueueName name) : name_(name) {}

  NodeIndex head() const { return head_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t count() const { return count_; }

  void PushTail(NodeArray& nodes, NodeIndex index, uint64_t page_bytes) {
    PageNode& node = nodes[index];
    node.queue = name_;
    node.previous = tail_;
    node.next = kNoNode;
    if (tail_ != kNoNode) nodes[tail_].next = index;
    if (head_ == kNoNode) head_ = index;
    tail_ = index;
    bytes_ += page_bytes;
    count_++;
  }

  void Remove(NodeArray& nodes, NodeIndex index, uint64_t page_bytes) {
    PageNode& node = nodes[index];
    if (node.previous != kNoNode) nodes[node.previous].next = node.next;
    if (node.next != kNoNode) nodes[node.next].previous = node.previous;
    if (head_ == index) head_ = node.next;
    if (tail_ == index) tail_ = node.previous;
    node.previous = node.next = kNoNode;
    node.queue = QueueName::kNone;
    bytes_ -= page_bytes;
    count_--;
  }

 private:
  const QueueName name_;
  NodeIndex head_ = kNoNode;
  NodeIndex tail_ = kNoNode;
  uint64_t bytes_ = 0;
  uint64_t count_ = 0;
};

}  // namespace umap
