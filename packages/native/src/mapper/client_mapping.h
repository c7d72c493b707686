// A region's memory as one client has mapped it: which rights the client has on each page, who of
// it waits for which page, and how rights are given and taken, by ioctls of the client's own
// userfaultfd. What the client does wrong is its own loss: its memory may be gone, moved, or full
// of holes, and nothing here ends the process for that.
//
// Rights are a cache: never more than the page's word allows, often less; a fault gets them back.
// To give one, the page's byte says "giving" before the word is looked at; whoever changes the word
// looks at the byte after that. So one of the two sees the other: see docs/page-states.md.
//
// Any thread. The mutex is held over ioctls of this client, and of no other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "mapper/client_load.h"
#include "mapper/page_rights.h"
#include "os/client_userfaultfd.h"
#include "os/mapping.h"
#include "os/mutex.h"
#include "page/stats.h"

namespace umap {

struct Region;
class SharedMapper;

struct ClientMappingOptions {
  std::shared_ptr<const ClientUserfaultfd> faults;
  // Where the client has mapped all of the pages, in its own memory.
  uint64_t address = 0;
  // It has mapped them MAP_SHARED, and may write. Others map them MAP_PRIVATE.
  bool writable = false;
  // It was registered by a server that is gone.
  bool taken_over = false;
  // Tells clients apart where access patterns are looked for.
  uint64_t client = 0;
  // All faults of the client that wait; where null, those of this mapping are counted alone.
  std::shared_ptr<ClientLoad> load;
  // A thread of the client's waits for a page that the store refused: the client must poison it.
  // Called without a lock, on any engine thread; must not block.
  std::function<void(PageIndex, const Status&)> on_failed;
};

// A thread of the client's that waits.
struct ClientWaiter {
  PageIndex page = 0;
  bool for_write = false;
  // It found the page mapped, and write-protected.
  bool is_write_protected = false;
  int64_t started_ns = 0;
};

enum class Given : uint8_t {
  // The thread goes on: it has the right, or will ask again.
  kDone,
  // The page's word does not allow it now.
  kRefused,
};

class ClientMapping {
 public:
  ClientMapping(std::shared_ptr<Region> region, const ClientMappingOptions& options);

  uint64_t client() const { return options_.client; }
  bool writable() const { return options_.writable; }
  bool taken_over() const { return options_.taken_over; }
  const std::shared_ptr<Region>& region() const { return region_; }
  uint64_t address() const { return address_.load(); }
  uint64_t bytes() const;
  // The process that it belonged to has no memory any more.
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

  // Statistics.
  uint32_t waiting() const { return waiting_.load(); }
  uint64_t faults() const { return faults_.load(std::memory_order_relaxed); }
  uint64_t resident_faults() const { return resident_faults_.load(std::memory_order_relaxed); }
  LatencyFigures fault_latency() const { return latency_.Figures(); }

  // Beginning and end: the engine's, as shared_region.h says it.

  Status Open();
  // What another server gave the client is a right to read at most from here on.
  Status TakeOver();
  // No right is given from here on; those who wait are let go.
  void Close(bool client_lives);
  void Move(uint64_t address);
  // Who waits for one of the pages asks again.
  void LetGo(PageIndex first, PageIndex count);

  // Maps what is resident, and nothing that the client has already.
  void MapResident(PageIndex first, PageIndex count);

 private:
  friend class SharedMapper;
  friend class Pager;

  // Rights.

  // Gives who waits for a page what it asks for, or says that the page's word does not allow it.
  Given Give(const ClientWaiter& waiter);
  // No right on these pages, whose words forbid any, is left or being given.
  void ForgetRights(PageIndex first, PageIndex count);
  // No right to write is left on these pages, whose words forbid to give one. False: the client
  // could not be kept from writing all of them.
  bool Protect(PageIndex first, PageIndex count);

  // Waiting.

  // The caller looks at the page's word after that: whoever moves it on serves who waits by then.
  void AddWaiter(const ClientWaiter& waiter);
  // Answers those who wait for these pages, whose words have moved on. None of them waits on.
  void Serve(PageIndex first, PageIndex count);
  void NoteAnswered(const ClientWaiter& waiter);

  // A byte a page: a Right, and whether one is being given.
  using RightByte = std::atomic<uint8_t>;

  static bool IsMapped(uint8_t right);
  RightByte& ByteOf(PageIndex page) const { return rights_[page]; }
  uint64_t AddressOf(PageIndex page) const;
  bool Allows(PageIndex page, uint8_t right) const;
  bool BeginGiving(PageIndex page, uint8_t right) REQUIRES(mutex_);
  PageIndex Surround(PageIndex page, PageIndex* first) REQUIRES(mutex_);
  void GiveRun(PageIndex first, PageIndex count, uint8_t right, bool lifts) REQUIRES(mutex_);
  // Maps pages of the file; what is mapped already stays, and `*existed` says so.
  ClientOutcome ContinueRun(uint64_t begin, uint64_t run_bytes, bool is_protected, bool* existed)
      REQUIRES(mutex_);
  void RefillPage(PageIndex page) REQUIRES(mutex_);
  bool ProtectRun(PageIndex first, PageIndex end, int attempts_max);
  ClientOutcome ProtectBytes(uint64_t begin, uint64_t bytes) REQUIRES(mutex_);
  void Refuse(const ClientWaiter& waiter);
  void TellFailed(PageIndex page);
  void HealForeign(PageIndex first, PageIndex count);
  void NoteWaiters(int32_t delta);
  void NoteForeign(int32_t delta);

  const std::shared_ptr<Region> region_;
  const ClientMappingOptions options_;
  const std::shared_ptr<ClientLoad> load_;
  std::atomic<uint64_t> address_;
  std::atomic<bool> gone_{false};
  std::atomic<bool> warned_{false};

  Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  // In address space that costs memory only where it was touched. Set to a right under the mutex;
  // to none by ForgetRights too, where none is being given.
  Mapping rights_memory_;
  RightByte* rights_ = nullptr;
  // Pages with a right of kForeign: the client was told to poison them.
  std::atomic<uint32_t> foreign_pages_{0};

  Mutex waiters_mutex_;
  std::vector<ClientWaiter> waiters_ GUARDED_BY(waiters_mutex_);
  std::atomic<uint32_t> waiting_{0};

  std::atomic<uint64_t> faults_{0};
  std::atomic<uint64_t> resident_faults_{0};
  LatencyHistogram latency_;
};

}  // namespace umap
