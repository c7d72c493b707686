// The word that says what a page is: its state and flags, moved on by compare-and-swap. Which moves
// there are, and who makes them, is written in docs/page-states.md.
#pragma once

#include <atomic>
#include <cstdint>

namespace umap {

using PageIndex = uint32_t;

enum class PageState : uint8_t {
  kAbsent = 0,
  kFilling,
  kStandby,
  kClean,
  kDirtying,
  kDirty,
  kWritingBack,
  kEvicting,
  kFailed,
};

enum PageFlags : uint32_t {
  kWanted = 1u << 4,
  kWantedForWriting = 1u << 5,
  kWaiters = 1u << 6,
  kRewriting = 1u << 7,
  kRewritten = 1u << 8,
  kPinned = 1u << 9,
  kReadAhead = 1u << 10,
  kZero = 1u << 11,
  // How often the page came back soon after it was taken away, 0 to 3; kept while it is absent.
  kUses = 3u << 12,
  // What survives every move of the page.
  kLasting = kPinned | kUses,
};

constexpr uint32_t kUsesShift = 12;
constexpr uint32_t kUsesMax = 3;

// One page's word at one moment.
class PageWord {
 public:
  constexpr PageWord() = default;
  constexpr explicit PageWord(uint32_t bits) : bits_(bits) {}

  constexpr PageState state() const { return static_cast<PageState>(bits_ & kStateMask); }
  constexpr bool Has(uint32_t flags) const { return (bits_ & flags) != 0; }
  constexpr PageWord In(PageState state) const {
    return PageWord((bits_ & ~kStateMask) | static_cast<uint32_t>(state));
  }
  constexpr PageWord With(uint32_t flags) const { return PageWord(bits_ | flags); }
  constexpr PageWord Without(uint32_t flags) const { return PageWord(bits_ & ~flags); }
  constexpr uint32_t uses() const { return (bits_ & kUses) >> kUsesShift; }
  constexpr uint32_t bits() const { return bits_; }

 private:
  static constexpr uint32_t kStateMask = 0xf;
  uint32_t bits_ = 0;
};

constexpr uint32_t kNeverEvicted = 0;
constexpr uint32_t kFromStandby = ~uint32_t{0};

// A page's entry in the page table.
struct PageEntry {
  std::atomic<uint32_t> word;
  // With a frame: the page's node in the page buffer. Without: the number of its last eviction,
  // kNeverEvicted, or kFromStandby while it is being mapped again. Written by the state's owner.
  std::atomic<uint32_t> link;

  PageWord Load() const { return PageWord(word.load(std::memory_order_acquire)); }

  // Replaces `*expected`; on failure `*expected` is what was found instead.
  bool Replace(PageWord* expected, PageWord desired) {
    uint32_t bits = expected->bits();
    const bool replaced = word.compare_exchange_strong(bits, desired.bits());
    if (!replaced) *expected = PageWord(bits);
    return replaced;
  }

  // The owner of a state moves the page on: whatever flags others set meanwhile are in the result,
  // which is the word that was replaced. `keep`: the flags that survive.
  PageWord MoveTo(PageState state, uint32_t keep, uint32_t add = 0) {
    PageWord old = Load();
    while (!Replace(&old, PageWord(old.bits() & keep).In(state).With(add))) {
    }
    return old;
  }

  void SetFlag(uint32_t flag) { word.fetch_or(flag); }
  void ClearFlag(uint32_t flag) { word.fetch_and(~flag); }
};

static_assert(sizeof(PageEntry) == 8, "a page that was ever touched costs 8 bytes");

}  // namespace umap
