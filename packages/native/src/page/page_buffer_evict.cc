// The order in which pages leave the page buffer: see docs/decisions/0001-eviction-policy.md.
#include <algorithm>

#include "os/check.h"
#include "page/page_buffer.h"
#include "page/region.h"

namespace umap {
namespace {

// Probation gives the victims while it holds more than this share of the budget.
constexpr uint64_t kProbationPercent = 10;
// A page that comes back before this share of the budget was evicted after it would have been kept
// by a buffer a little larger. The idea is the refault distance of Linux's mm/workingset.c.
constexpr uint64_t kRefaultPercent = 85;
// Pages that are looked at for the sake of a fault that waits for memory, and as many again as it
// may need.
constexpr uint64_t kGlanceMin = 64;
constexpr uint64_t kSystemPageBytes = 4096;

}  // namespace

uint64_t PageBuffer::BytesToEvict() const {
  const uint64_t budget = budget_bytes();
  const uint64_t leaving = leaving_bytes.load(std::memory_order_relaxed);
  const uint64_t all = mapped_bytes();
  const uint64_t mapped = all - std::min(leaving, all);
  if (mapped * 100 <= budget * limits_.high_water_percent) return 0;
  const uint64_t low = budget / 100 * limits_.low_water_percent;
  return mapped > low ? mapped - low : 0;
}

uint32_t PageBuffer::NextEviction() {
  evictions_++;
  if (evictions_ == kFromStandby) evictions_ = kNeverEvicted + 1;
  return evictions_;
}

void PageBuffer::Place(NodeIndex index, uint32_t history) {
  PageNode& node = nodes_[index];
  PageEntry& entry = node.region->table[node.page];
  const uint64_t distance_bytes = uint64_t{evictions_ - history} * node.region->page_bytes;
  const bool refault = history == kFromStandby ||
                       (history != kNeverEvicted &&
                        distance_bytes < budget_bytes() / 100 * kRefaultPercent);
  const uint32_t uses = refault ? std::min(entry.Load().uses() + 1, kUsesMax) : 0;
  entry.ClearFlag(kUses);
  entry.SetFlag(uses << kUsesShift);
  if (!refault) {
    Push(probation_, index);
    return;
  }
  node.rounds = static_cast<uint8_t>(history == kFromStandby ? 1 : uses - 1);
  Push(protected_, index);
}

NodeIndex PageBuffer::VictimHead(uint64_t probation_left, uint64_t protected_left) {
  const bool large = probation_.bytes() * 100 > budget_bytes() * kProbationPercent;
  if (probation_left > 0 && (large || protected_left == 0)) return probation_.head();
  if (protected_left == 0) return kNoNode;
  for (;;) {
    const NodeIndex index = protected_.head();
    PageNode& node = nodes_[index];
    if (node.rounds == 0) return index;
    node.rounds--;
    protected_.Remove(nodes_, index, node.region->page_bytes);
    protected_.PushTail(nodes_, index, node.region->page_bytes);
  }
}

bool PageBuffer::TakeVictim(NodeIndex index, Victim* victim) {
  PageNode& node = nodes_[index];
  PageEntry& entry = node.region->table[node.page];
  PageWord word = entry.Load();
  while (word.state() == PageState::kClean && !word.Has(kPinned)) {
    if (!entry.Replace(&word, word.In(PageState::kEvicting))) continue;
    const bool zero = word.Has(kZero);
    const bool dropped = zero || !node.region->stands_by;
    const SlotIndex slot = dropped ? kNoSlot : node.region->pool->TakeVacant(node.page);
    *victim = {node.region, node.page, slot, zero};
    node.region->in_flight.fetch_add(1);
    Unlink(index);
    return true;
  }
  return false;
}

void PageBuffer::ChooseVictims(uint64_t bytes, Victims* victims, Victims* dirty,
                               uint64_t count_max) {
  MutexLock lock(mutex_);
  uint64_t chosen = 0;
  // Each page is looked at once, so that a buffer full of pinned or dirty pages ends the search.
  uint64_t probation_left = probation_.count();
  uint64_t protected_left = protected_.count();
  uint64_t left = probation_left + protected_left;
  if (!dirty) left = std::min(left, kGlanceMin + 2 * bytes / kSystemPageBytes);
  while (chosen < bytes && victims->size() < count_max && left-- > 0) {
    const NodeIndex index = VictimHead(probation_left, protected_left);
    if (index == kNoNode) return;
    PageNode& node = nodes_[index];
    (node.queue == QueueName::kProbation ? probation_left : protected_left)--;
    const uint64_t page_bytes = node.region->page_bytes;
    Victim victim;
    if (TakeVictim(index, &victim)) {
      victims->push_back(victim);
      chosen += page_bytes;
      continue;
    }
    const PageWord word = node.region->table[node.page].Load();
    PageQueue& queue = QueueOf(node.queue);
    queue.Remove(nodes_, index, page_bytes);
    queue.PushTail(nodes_, index, page_bytes);
    if (dirty && word.state() == PageState::kDirty && !word.Has(kPinned)) {
      dirty->push_back({node.region, node.page, kNoSlot});
      node.region->in_flight.fetch_add(1);
      chosen += page_bytes;
    }
  }
}

bool PageBuffer::ClaimVictim(Region& region, PageIndex page, Victim* victim) {
  MutexLock lock(mutex_);
  if (region.table[page].Load().state() != PageState::kClean) return false;
  return TakeVictim(region.table[page].link.load(std::memory_order_relaxed), victim);
}

PageWord PageBuffer::FinishToStandby(const Victim& victim) {
  MutexLock lock(mutex_);
  PageEntry& entry = victim.region->table[victim.page];
  const NodeIndex index = entry.link.load(std::memory_order_relaxed);
  nodes_[index].slot = victim.slot;
  Push(standby_, index);
  return entry.MoveTo(PageState::kStandby, kLasting);
}

PageWord PageBuffer::FinishDropped(const Victim& victim, bool frame_kept, bool remember) {
  MutexLock lock(mutex_);
  Region& region = *victim.region;
  PageEntry& entry = region.table[victim.page];
  if (victim.slot != kNoSlot && !region.pool->placed()) {
    (frame_kept ? region.pool->free() : region.pool->vacant()).Put({victim.slot, 1});
  }
  if (victim.zero) region.zero_pages.fetch_sub(1);
  if (!frame_kept && !victim.zero) {
    CHECK(held_bytes_ >= region.page_bytes);
    held_bytes_ -= region.page_bytes;
  }
  FreeNode(entry.link.load(std::memory_order_relaxed),
           remember ? NextEviction() : kNeverEvicted);
  region.counters.Add(Counter::kEvictions);
  return entry.MoveTo(PageState::kAbsent, kLasting);
}

PageWord PageBuffer::FinishKept(const Victim& victim, PageState state) {
  MutexLock lock(mutex_);
  PageEntry& entry = victim.region->table[victim.page];
  if (victim.slot != kNoSlot) victim.region->pool->vacant().Put({victim.slot, 1});
  Push(protected_, entry.link.load(std::memory_order_relaxed));
  return entry.MoveTo(state, kLasting);
}

}  // namespace umap
