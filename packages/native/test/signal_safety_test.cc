// What the fault path is made of, used where a fault may be handled: in a signal handler, on a
// thread that was interrupted anywhere, in malloc or under a mutex of the C library.
#include <signal.h>
#include <sys/wait.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "os/inline_vector.h"
#include "os/slab.h"
#include "page/page_queue.h"
#include "page/region.h"
#include "page/region_map.h"
#include "pipeline/watched_calls.h"
#include "test/expect.h"
#include "test/file_fixture.h"
#include "test/forbidden_calls.h"

namespace umap::test {
namespace {

constexpr uint64_t kStoreBytes = 5 * 65536 + 100;
constexpr uint64_t kAddress = 0x100000;

// While it lives, this thread counts as one in a handler.
class CallsForbidden {
 public:
  CallsForbidden() { t_handlers++; }
  ~CallsForbidden() { t_handlers--; }
  CallsForbidden(const CallsForbidden&) = delete;
  CallsForbidden& operator=(const CallsForbidden&) = delete;
};

struct Object : SlabAllocated<Object> {
  uint64_t words[60] = {};
};

std::shared_ptr<Store> StoreOver(const UniqueFd& file, bool direct) {
  Status status;
  return OpenFileStore(OptionsFor(file.get(), kStoreBytes, direct), &status);
}

// One of each, shared by the handlers and by threads that use them beside those.
struct Parts {
  Parts() {
    // Pages 0, 2 and 4 are data, 1 and 3 holes; then the file loses its last bytes.
    const AlignedBytes bytes(65536, 0x5a);
    for (const uint64_t page : {0, 2, 4}) {
      sound &= Write(buffered.get(), page * 65536, bytes.data(), 65536).ok();
    }
    sound &= ftruncate(file.get(), 5 * 65536) == 0;
    map.Insert(&region, kAddress, 65536);
  }

  bool sound = true;
  const UniqueFd file = TempFile(kStoreBytes);
  const std::shared_ptr<Store> buffered = StoreOver(file, false);
  const std::shared_ptr<Store> direct = StoreOver(file, true);
  Mutex mutex;
  CondVar changed;
  NodeArray nodes GUARDED_BY(mutex);
  RegionCounters counters;
  Region region;
  RegionMap map;
  WatchedCalls calls;
};

void UseSlabs() {
  InlineVector<Object*, 40> objects;
  // More than one piece of memory holds.
  for (int i = 0; i < 40; i++) objects.push_back(new (std::nothrow) Object);
  for (Object* object : objects) delete object;
}

void UseNodes(Parts& parts) {
  // Beyond the first pieces, so that memory is asked for in here.
  constexpr uint32_t kNodes = 2500;
  static_assert(kNodes > 1024);
  NodeIndex first = kNoNode;
  MutexLock lock(parts.mutex);
  for (uint32_t i = 0; i < kNodes; i++) {
    const NodeIndex node = parts.nodes.Allocate();
    parts.nodes[node].previous = first;
    first = node;
  }
  while (first != kNoNode) {
    const NodeIndex node = first;
    first = parts.nodes[node].previous;
    parts.nodes.Free(node);
  }
  parts.nodes.Clear();
  parts.changed.NotifyAll();
}

void UseWaits(Parts& parts) {
  MutexLock lock(parts.mutex);
  parts.changed.WaitFor(parts.mutex, std::chrono::microseconds(10));
}

void UseCounts(Parts& parts) {
  parts.counters.Add(Counter::kFaults);
  parts.counters.AddFaultLatency(NowNs() % 1000);
  parts.region.watchers.fetch_add(1);
  parts.region.NoteProgress();
  parts.region.watchers.fetch_sub(1);
}

// How many answers were wrong.
uint32_t UseRegions(Parts& parts) {
  const RegionMap::Reading outer(parts.map);
  const RegionMap::Reading inner(parts.map);
  const WatchedCalls::Announcement call(parts.calls, parts.region, StoreOp::kRead, 0, 4096);
  const bool found = parts.map.Find(kAddress + 5) == &parts.region;
  const bool found_beside = parts.map.Find(kAddress - 1) != nullptr;
  return !found + found_beside;
}

uint32_t UseStore(Store* store, uint8_t* target) {
  uint32_t wrong = 0;
  const auto expect = [&](uint64_t page, uint64_t bytes, TryReadOutcome expected) {
    const auto outcome = store->TryRead(page * 65536, target, bytes, MayWait::kYes);
    wrong += outcome != expected;
  };
  target[65535] = 0;
  expect(0, 65536, TryReadOutcome::kDone);
  wrong += target[65535] != 0x5a;
  expect(1, 65536, TryReadOutcome::kHole);
  expect(3, 2 * 65536, TryReadOutcome::kDone);
  expect(5, 100, TryReadOutcome::kWouldBlock);
  expect(5, 65536, TryReadOutcome::kWouldBlock);
  store->TryRead(2 * 65536, target, 65536, MayWait::kNo);
  return wrong;
}

uint32_t UseAll(Parts& parts, uint8_t* target) {
  const CallsForbidden forbidden;
  UseSlabs();
  UseNodes(parts);
  UseWaits(parts);
  UseCounts(parts);
  uint32_t wrong = UseRegions(parts) + UseStore(parts.buffered.get(), target);
  if (parts.direct) wrong += UseStore(parts.direct.get(), target);
  return wrong;
}

TEST(what_must_not_be_called_is_noticed) {
  if (!kWatchesCalls) return;
  for (const bool locks : {false, true}) {
    const pid_t child = fork();
    if (child == 0) {
      close(STDOUT_FILENO);
      static std::mutex mutex;
      const CallsForbidden forbidden;
      if (locks) {
        mutex.lock();
      } else {
        ::operator delete(::operator new(100));
      }
      _exit(0);
    }
    int how = 0;
    EXPECT_EQ(waitpid(child, &how, 0), child);
    EXPECT_TRUE(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
  }
}

TEST(parts_of_the_fault_path_ask_nothing_of_the_heap) {
  Parts parts;
  EXPECT_TRUE(parts.sound);
  const AlignedBytes target(2 * 65536);
  EXPECT_EQ(UseAll(parts, target.data()), 0u);
  EXPECT_EQ(Object::objects_in_use(), 0u);
}

Parts* g_parts = nullptr;
uint8_t* g_target = nullptr;
std::atomic<uint32_t> g_wrong{0};
std::atomic<uint32_t> g_handled{0};

void OnSignal(int) {
  const int error_before = errno;
  g_wrong += UseAll(*g_parts, g_target);
  g_handled.fetch_add(1);
  FutexWakeAll(g_handled);
  errno = error_before;
}

// Spends its time in the allocator and under a mutex of the C library, where a signal finds it.
void BeInterrupted(const std::atomic<bool>& done) {
  std::mutex mutex;
  std::vector<std::string> texts(50);
  for (size_t i = 0; !done; i = (i + 1) % texts.size()) {
    const std::lock_guard lock(mutex);
    texts[i] = std::string(20 + i * 40, 'x');
  }
}

TEST(handlers_work_wherever_they_interrupt_a_thread) {
  constexpr uint32_t kSignals = 60;
  Parts parts;
  EXPECT_TRUE(parts.sound);
  const AlignedBytes target(2 * 65536);
  g_parts = &parts;
  g_target = target.data();
  g_handled = 0;
  struct sigaction action = {}, before = {};
  action.sa_handler = OnSignal;
  sigfillset(&action.sa_mask);
  EXPECT_SYS(sigaction(SIGUSR1, &action, &before));

  std::atomic<bool> done{false};
  std::thread interrupted([&] { BeInterrupted(done); });
  // Threads of the engine use the same things meanwhile; they take no signals.
  std::vector<std::thread> beside;
  beside.emplace_back([&] {
    while (!done) {
      UseSlabs();
      UseNodes(parts);
      UseCounts(parts);
    }
  });
  beside.emplace_back([&] {
    while (!done) {
      Region other;
      parts.map.Insert(&other, 2 * kAddress, 4096);
      parts.map.Remove(&other);
      parts.map.Quiesce();
    }
  });
  for (uint32_t i = 0; i < kSignals; i++) {
    pthread_kill(interrupted.native_handle(), SIGUSR1);
    while (g_handled.load() == i) FutexWait(g_handled, i);
  }
  done = true;
  interrupted.join();
  for (std::thread& thread : beside) thread.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(g_wrong.load(), 0u);
  EXPECT_EQ(g_handled.load(), kSignals);
  EXPECT_EQ(Object::objects_in_use(), 0u);
}

}  // namespace
}  // namespace umap::test
