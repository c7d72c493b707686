// The pipeline that a page goes through, and the threads that drive it. Each stage is the file of
// its name: fault, fill, map, read_ahead, write_back, evict. The state of a page, which every stage
// moves on, is specified in docs/page-states.md.
//
// Threads: fillers read faults and fill what they read; evictors make room; the watchdog repeats,
// follows memory pressure, names what hangs and replaces threads that do. None of them ever touches
// an absent page.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "os/futex.h"
#include "os/mutex.h"
#include "os/thread.h"
#include "os/unique_fd.h"
#include "mapper/alias_mapper.h"
#include "mapper/private_mapper.h"
#include "mapper/shared_mapper.h"
#include "os/fault_signal.h"
#include "page/page_buffer.h"
#include "page/region.h"
#include "page/region_map.h"
#include "pipeline/fill.h"
#include "pipeline/filler_watch.h"
#include "pipeline/read_ahead.h"
#include "pipeline/waiting_touches.h"
#include "pipeline/watched_calls.h"
#include "pipeline/write_back.h"

namespace umap {

struct PagerOptions {
  uint32_t fillers = 0;  // 0: the default for this machine, also below
  uint32_t evictors = 0;
  uint32_t fault_events_max = 0;
  uint64_t features_denied = 0;
  bool kernel_faults_denied = false;
};

class ClientMapping;
struct ClientFault;
struct ClientWaiter;

class Pager {
 public:
  explicit Pager(const PagerOptions& options);
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  Status Start();
  // REQUIRES: no region is mapped.
  void Stop();

  // Regions whose faults are signals on the threads that touch them.
  static RegionMap& TouchedRegions();

  // The mapper for a region, by the way that it asks for or the best there is.
  Status ChooseMapper(FaultChoice choice, bool writable, Mapper** mapper);
  RegionMap& regions() { return regions_; }
  WatchedCalls& watched_calls() { return watched_calls_; }

  // Fill ---------------------------------------------------------------------------------------

  // Claims an absent or standby page, or a failed one where `heal`, and those of the same state
  // that follow it, up to `count_max`: moves them to filling. Null when the page is in another
  // state by now.
  Fill* ClaimFill(Region& region, PageIndex page, PageIndex count_max, FillCause cause,
                  bool heal = false);
  // Drives a fill as far as it goes without waiting. False: it would block, and the caller passes
  // it on by Post, or calls RunFill from a thread that may wait.
  bool StartFill(Fill* fill);
  void RunFill(Fill* fill);
  // To a filler that has nothing to do.
  void Post(Fill* fill);
  void FinishFill(Fill* fill, StoreResult result);
  // Takes a claimed page back without an answer: absent again, and whoever waits asks again.
  void AbandonFill(Region& region, PageIndex page);

  // A page that is present may be written from here on: it counts as dirty. Or somebody is at it.
  void HandleWriteProtectFault(Region& region, PageIndex page);

  // A thread of a client's waits for a page; runs on the client's monitor.
  void AnswerClientFault(ClientMapping& client, const ClientFault& fault);

  // Write-back ---------------------------------------------------------------------------------

  // Claims the dirty page and its dirty neighbours inside [low, high), protects them and hands them
  // to the store. Returns how many; 0 when the page was not dirty.
  PageIndex StartWriteBack(Region& region, PageIndex page, PageIndex low, PageIndex high,
                      bool then_evict, const std::shared_ptr<Batch>& batch);
  void FinishWriteBack(WriteBack* write_back, StoreResult result);

  // Evict --------------------------------------------------------------------------------------

  // Evicts clean pages of the buffer, about `bytes`, without waiting for anything.
  uint64_t EvictNow(PageBuffer& buffer, uint64_t bytes, uint64_t count_max = UINT64_MAX);
  // Takes victims (in state evicting) out of the mapping: to standby, or out of memory.
  void EvictVictims(Victims victims, bool to_standby);
  void WakeEvictors();
  // Memory may be had again: fills that wait for it try again.
  void Unpark();

  // Buffers that have regions, for the evictors.
  void AddBuffer(const std::shared_ptr<PageBuffer>& buffer);
  void RemoveBuffer(const std::shared_ptr<PageBuffer>& buffer);

  // Runs a function on the watchdog's thread after a while. It must not block.
  void RunLater(std::chrono::nanoseconds delay, std::function<void()> function);

  // Waits until `settled(page word)` holds, for a page whose owner will move it on.
  template <typename Settled>
  void WaitForProgress(Region& region, PageIndex page, Settled settled) {
    region.watchers.fetch_add(1);
    for (;;) {
      const uint32_t seen = region.progress.load();
      if (settled(region.table[page].Load())) break;
      FutexWait(region.progress, seen);
    }
    region.watchers.fetch_sub(1);
  }

 private:
  // choose_mapper.cc
  Status OpenMessages();
  Status ChooseInThread(bool writable, Mapper** mapper);
  Status ChooseSignal(Mapper** mapper);
  Status ChooseShared(Mapper** mapper);

  // pager.cc
  Status AddFiller();
  Status AddEvictor();
  Status AddThread(const char* name, std::function<void()> function);
  void WakeFillers();

  // fault.cc
  void RunFiller();
  void RunPosted(Fill* fill);
  void RunSlowFill(Fill* fill);
  Fill* TakePosted();
  void HandleFault(const UffdFault& fault, std::vector<Fill*>* slow);
  void HandleMissingFault(Region& region, PageIndex page, bool for_write, pid_t thread_id,
                          std::vector<Fill*>* slow);
  void LiftWhileWritingBack(Region& region, PageIndex page);
  void AnswerLateMessage(Region& region, PageIndex page);

  // fault_on_thread.cc
  static bool AnswerFault(const SignalFault& fault);
  bool AnswerTouch(Region& region, const SignalFault& fault);
  void AdmitTouch(Region& region, PageIndex page, const SignalFault& fault);
  bool FillTouched(Region& region, PageIndex page, bool for_write, int64_t started_ns);
  void StartFillHere(Fill* fill);
  bool ReadTouched(Fill* fill, StoreResult* result);

  // fault_of_client.cc
  bool AdmitClient(ClientMapping& client, const ClientWaiter& waiter);
  void AwaitClientPage(ClientMapping& client, const ClientWaiter& waiter);

  // fill.cc
  Fill* ClaimStandby(Region& region, PageIndex page, PageIndex count_max, FillCause cause);
  bool MovesIn(const Fill& fill) const;
  bool TakeMemoryFor(Fill* fill);
  void Park(Fill* fill);
  FillQueue TakeParked();
  void EndWait(Fill* fill);
  int64_t OldestWaitNs();
  bool ReadAtOnce(Fill* fill, MayWait may_wait, StoreResult* result);
  void SubmitFill(Fill* fill);
  void HandleFillError(Fill* fill, const Status& status);
  void SplitFill(Fill* fill);
  void FailFill(Fill* fill, const Status& status);
  void GiveMemoryBack(Fill* fill);
  void EndFill(Fill* fill, Status status);

  // map.cc
  void Map(Fill* fill, bool hole);
  void PublishMapped(Region& region, PageIndex page, uint32_t flags);
  void PublishDirty(Region& region, PageIndex page);
  void Stage(Fill* fill);

  // read_ahead.cc
  ReadAheadPlan PlanAhead(Region& region, PageIndex page, uint64_t thread);
  void FillAhead(Region& region, const ReadAheadPlan& plan);
  Fill* ClaimAhead(Region& region, PageIndex page, PageIndex* count, FillCause cause);

  // write_back.cc
  void ProtectRun(Region& region, PageIndex first, PageIndex count);
  void SettleWrittenPage(Region& region, PageIndex page, bool accepted);
  void NoteRefused(const WriteBack& write_back, const Status& status);

  // evict.cc
  void RunEvictor();
  bool EvictOnce(PageBuffer& buffer, bool starving);
  void EvictRun(const Victim* victims, uint32_t count, bool to_standby);
  bool TakeOutRest(const Victim& victim, uint64_t taken_bytes);
  void DropMemory(const Victim* victims, size_t count, bool remember);
  void KeepVictim(const Victim& victim, uint64_t taken_bytes);
  std::vector<std::shared_ptr<PageBuffer>> Buffers();

  // watchdog.cc
  void RunWatchdog();
  void RunDueTimers();
  void FollowPressure();
  void ReplaceHungThreads();
  void SpareHungStores();
  void NameStalls();
  std::string NameWaitingFills(int64_t now);

  static constexpr uint32_t kFillersLimit = 256;

  const PagerOptions options_;
  // Null: refused, for the reason beside it.
  std::unique_ptr<PrivateMapper> messages_;
  Status messages_refused_;
  Mutex ways_mutex_;
  std::unique_ptr<PrivateMapper> in_thread_ GUARDED_BY(ways_mutex_);
  std::unique_ptr<AliasMapper> signal_ GUARDED_BY(ways_mutex_);
  std::unique_ptr<SharedMapper> shared_ GUARDED_BY(ways_mutex_);
  RegionMap regions_;
  ReadAhead read_ahead_;

  FillerWatch filler_watch_;
  std::atomic<uint32_t> filler_count_{0};
  std::atomic<uint32_t> evictor_count_{0};
  uint32_t fault_events_max_ = 0;
  std::atomic<bool> stopping_{false};
  Mutex threads_mutex_;
  std::vector<Thread> threads_ GUARDED_BY(threads_mutex_);
  WatchedCalls watched_calls_;
  WaitingTouches waiting_touches_;

  Mutex posted_mutex_;
  FillQueue posted_ GUARDED_BY(posted_mutex_);
  // Whether a look at the queue may be worth it.
  std::atomic<bool> posted_any_{false};

  // Fillers and evictors in calls that may wait for a store, and how many such calls have ended.
  struct Waiting {
    std::atomic<uint32_t> threads{0};
    std::atomic<uint64_t> ended{0};
    // The watchdog's own: what had ended when it looked last.
    uint64_t ended_before = 0;
  };
  Waiting waiting_fillers_;
  Waiting waiting_evictors_;

  Mutex parked_mutex_;
  std::atomic<bool> parked_any_{false};
  FillQueue parked_ GUARDED_BY(parked_mutex_);
  // Parked fills, and those among them that are being tried again, oldest first.
  Fill* waiting_first_ GUARDED_BY(parked_mutex_) = nullptr;
  Fill* waiting_last_ GUARDED_BY(parked_mutex_) = nullptr;
  std::atomic<uint32_t> waiting_count_{0};

  Mutex evictor_mutex_;
  CondVar evictor_wanted_;
  uint64_t evictor_calls_ GUARDED_BY(evictor_mutex_) = 0;
  std::map<PageBuffer*, std::pair<std::shared_ptr<PageBuffer>, uint32_t>> buffers_
      GUARDED_BY(evictor_mutex_);

  Mutex timer_mutex_;
  CondVar timer_changed_;
  std::multimap<int64_t, std::function<void()>> timers_ GUARDED_BY(timer_mutex_);

  // The watchdog's own.
  int64_t waiting_quiet_until_ns_ = 0;
};

}  // namespace umap
