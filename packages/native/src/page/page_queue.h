// The page buffer's record of each page that has memory, and the queues that order them. All of it
// belongs to the page buffer and is guarded by its mutex.
#pragma once

#include <bit>
#include <cstdint>
#include <new>

#include "os/check.h"
#include "os/mapping.h"
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

// The nodes, recycled; number 0 is no node. They lie in pieces of address space of growing size,
// which never move, and take no memory from the heap: a fault in a signal handler needs nodes. How
// many there will be cannot be said beforehand, since pages that are the kernel's zero page have
// nodes too, and are not held to the budget at once.
class NodeArray {
 public:
  PageNode& operator[](NodeIndex node) {
    const Place place = PlaceOf(node);
    return reinterpret_cast<PageNode*>(pieces_[place.piece].data())[place.index];
  }
  NodeIndex Allocate() {
    if (unused_ != kNoNode) {
      const NodeIndex node = unused_;
      unused_ = (*this)[node].next;
      (*this)[node].next = kNoNode;
      return node;
    }
    CHECK(used_ != kNoNode);
    const Place place = PlaceOf(used_);
    Mapping& piece = pieces_[place.piece];
    if (!piece.data()) {
      const uint64_t bytes = (uint64_t{kFirstNodes} << place.piece) * sizeof(PageNode);
      CHECK(Mapping::Reserve(bytes, 0, false, &piece).ok());
    }
    new (&(*this)[used_]) PageNode();
    return used_++;
  }
  void Free(NodeIndex node) {
    PageNode& freed = (*this)[node];
    freed = PageNode();
    freed.next = unused_;
    unused_ = node;
  }
  // Gives the memory back. REQUIRES: every node was freed.
  void Clear() {
    for (Mapping& piece : pieces_) piece.Reset();
    used_ = kNoNode + 1;
    unused_ = kNoNode;
  }

 private:
  // Piece k has kFirstNodes << k nodes.
  static constexpr uint32_t kFirstNodes = 1024;
  static constexpr uint32_t kPieces = 32 - std::countr_zero(kFirstNodes) + 1;

  struct Place {
    uint32_t piece;
    uint64_t index;
  };
  static Place PlaceOf(NodeIndex node) {
    const uint64_t shifted = uint64_t{node} + kFirstNodes;
    const uint32_t piece = static_cast<uint32_t>(std::bit_width(shifted / kFirstNodes)) - 1;
    return {piece, shifted - (uint64_t{kFirstNodes} << piece)};
  }

  Mapping pieces_[kPieces];
  // Nodes that were ever given out, number 0 included; then those of them that are free.
  NodeIndex used_ = kNoNode + 1;
  NodeIndex unused_ = kNoNode;
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
