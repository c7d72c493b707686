// The ledger of a server and the keeper at its other end: what was put outlives the server, and the
// end of either is seen by the other. Both ends live in one process here.
#include "server/ledger.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "os/mutex.h"
#include "os/shared_memory.h"
#include "server/keeper.h"
#include "store/store_host_wire.h"
#include "test/expect.h"

namespace umap {
namespace {

// Set once, by any thread.
class Flag {
 public:
  void Set() {
    MutexLock lock(mutex_);
    set_ = true;
    changed_.NotifyAll();
  }
  void Await() {
    MutexLock lock(mutex_);
    while (!set_) changed_.Wait(mutex_);
  }
  bool IsSet() {
    MutexLock lock(mutex_);
    return set_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool set_ GUARDED_BY(mutex_) = false;
};

Status StartServer(Keeper& keeper, std::shared_ptr<Ledger>* ledger,
                   std::function<void()> on_gone = {}) {
  UniqueFd end;
  const Status status = keeper.Renew(&end);
  return status.ok() ? OpenLedger(std::move(end), std::move(on_gone), ledger) : status;
}

std::vector<uint8_t> Bytes(std::string_view text) { return {text.begin(), text.end()}; }

int CountDescriptors() {
  int count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) count++;
  closedir(directory);
  return count;
}

TEST(what_was_put_comes_back_to_the_next_server) {
  Keeper keeper;
  std::shared_ptr<Ledger> first;
  EXPECT_OK(StartServer(keeper, &first));
  EXPECT_EQ(first->generation(), 1u);
  EXPECT_TRUE(first->Take("").empty());

  UniqueFd memory, other;
  EXPECT_OK(CreateSharedMemory("test", 4096, &memory));
  EXPECT_OK(CreateSharedMemory("test", 4096, &other));
  EXPECT_SYS(pwrite(memory.get(), "kept", 4, 7));
  const std::array<int, 2> both = {memory.get(), other.get()};
  EXPECT_OK(first->Put("dataset/points", Bytes("facts"), both));
  EXPECT_OK(first->Put("client/1", Bytes("one"), {}));
  EXPECT_OK(first->Put("client/2", Bytes("two"), {}));
  EXPECT_OK(first->Put("client/1", Bytes("replaced"), {}));
  EXPECT_OK(first->Put("mapping/2/1", {}, {}));
  first->Drop("client/2");
  first->Drop("client/3");
  first = nullptr;
  memory.Reset();
  other.Reset();

  std::shared_ptr<Ledger> second;
  EXPECT_OK(StartServer(keeper, &second));
  EXPECT_EQ(second->generation(), 2u);
  const std::vector<LedgerEntry> clients = second->Take("client/");
  EXPECT_EQ(clients.size(), 1u);
  EXPECT_EQ(clients[0].key, "client/1");
  EXPECT_TRUE(clients[0].bytes == Bytes("replaced"));
  LedgerEntry dataset;
  EXPECT_FALSE(second->TakeOne("dataset/", &dataset));
  EXPECT_TRUE(second->TakeOne("dataset/points", &dataset));
  EXPECT_FALSE(second->TakeOne("dataset/points", &dataset));
  EXPECT_EQ(dataset.fds.size(), 2u);
  char text[5] = {};
  EXPECT_EQ(pread(dataset.fds[0].get(), text, 4, 7), 4);
  EXPECT_EQ(std::string(text), "kept");
  EXPECT_EQ(fcntl(dataset.fds[0].get(), F_GETFD), FD_CLOEXEC);

  // Taken is not dropped: the third has it again.
  second = nullptr;
  std::shared_ptr<Ledger> third;
  EXPECT_OK(StartServer(keeper, &third));
  EXPECT_EQ(third->generation(), 3u);
  EXPECT_EQ(third->Take("").size(), 3u);
  EXPECT_EQ(keeper.Keys().size(), 3u);
}

TEST(more_entries_than_a_socket_holds_come_back) {
  constexpr int kEntries = 3000;
  Keeper keeper;
  std::shared_ptr<Ledger> ledger;
  EXPECT_OK(StartServer(keeper, &ledger));
  const std::vector<uint8_t> bytes(1000, 5);
  for (int index = 0; index < kEntries; index++) {
    EXPECT_OK(ledger->Put("entry/" + std::to_string(index), bytes, {}));
  }
  EXPECT_OK(ledger->Put("large", std::vector<uint8_t>(Ledger::kBytesMax, 3), {}));
  EXPECT_EQ(ledger->Put("larger", std::vector<uint8_t>(Ledger::kBytesMax + 1), {}).error, EINVAL);
  EXPECT_EQ(ledger->Put(std::string(Ledger::kKeyBytesMax + 1, 'k'), {}, {}).error, EINVAL);
  EXPECT_OK(StartServer(keeper, &ledger));
  EXPECT_EQ(ledger->Take("entry/").size(), kEntries);
  EXPECT_EQ(ledger->Take("large").at(0).bytes.size(), Ledger::kBytesMax);
}

TEST(server_learns_that_its_keeper_is_gone) {
  auto keeper = std::make_unique<Keeper>();
  std::shared_ptr<Ledger> ledger;
  Flag gone;
  EXPECT_OK(StartServer(*keeper, &ledger, [&gone] { gone.Set(); }));
  EXPECT_FALSE(gone.IsSet());
  keeper = nullptr;
  gone.Await();
  EXPECT_EQ(ledger->Put("key", {}, {}).error, ECONNRESET);
  ledger->Drop("key");
}

TEST(server_that_ends_is_told_nothing) {
  Keeper keeper;
  std::shared_ptr<Ledger> ledger;
  Flag gone;
  EXPECT_OK(StartServer(keeper, &ledger, [&gone] { gone.Set(); }));
  ledger = nullptr;
  EXPECT_FALSE(gone.IsSet());
}

TEST(server_of_before_changes_nothing_any_more) {
  Keeper keeper;
  std::shared_ptr<Ledger> old, young;
  EXPECT_OK(StartServer(keeper, &old));
  EXPECT_OK(old->Put("key", Bytes("old"), {}));
  EXPECT_OK(StartServer(keeper, &young));
  EXPECT_EQ(old->Put("key", Bytes("late"), {}).error, ECONNRESET);
  LedgerEntry entry;
  EXPECT_TRUE(young->TakeOne("key", &entry));
  EXPECT_TRUE(entry.bytes == Bytes("old"));
}

TEST(nonsense_ends_the_link_and_keeps_the_entries) {
  Keeper keeper;
  std::shared_ptr<Ledger> ledger;
  EXPECT_OK(StartServer(keeper, &ledger));
  EXPECT_OK(ledger->Put("key", {}, {}));
  UniqueFd end;
  EXPECT_OK(keeper.Renew(&end));
  const std::array<uint8_t, 3> nonsense = {1, 2, 3};
  EXPECT_EQ(SendPacket(end.get(), nonsense, {}), SocketOutcome::kDone);
  std::array<uint8_t, 16> room;
  ReceivedPacket packet;
  EXPECT_EQ(ReceivePacket(end.get(), true, room, &packet), SocketOutcome::kGone);
  EXPECT_EQ(keeper.Keys().size(), 1u);
}

TEST(what_is_no_link_is_refused) {
  std::shared_ptr<Ledger> ledger;
  EXPECT_EQ(OpenLedger(UniqueFd(open("/dev/null", O_RDWR)), {}, &ledger).error, EINVAL);
  EXPECT_EQ(OpenLedger(UniqueFd(), {}, &ledger).error, EINVAL);
  // A keeper of another release, which knows no such version.
  UniqueFd one, other;
  EXPECT_OK(CreateSocketPair(&one, &other));
  std::thread keeper([&other] {
    std::vector<uint8_t> room = LedgerPacketRoom();
    ReceivedPacket packet;
    LedgerMessage request;
    if (ReceiveLedgerMessage(other.get(), room, &packet, &request)) {
      SendLedgerMessage(other.get(), {LedgerVerb::kDone, 0, {}, {}});
    }
  });
  const Status status = OpenLedger(std::move(one), {}, &ledger);
  keeper.join();
  EXPECT_EQ(status.error, EPROTO);
}

TEST(keeper_without_descriptors_says_so) {
  Keeper keeper;
  std::shared_ptr<Ledger> ledger;
  EXPECT_OK(StartServer(keeper, &ledger));
  UniqueFd memory;
  EXPECT_OK(CreateSharedMemory("test", 4096, &memory));
  rlimit before;
  EXPECT_SYS(getrlimit(RLIMIT_NOFILE, &before));
  // No free number is left below the limit.
  rlimit none = before;
  none.rlim_cur = 3;
  EXPECT_SYS(setrlimit(RLIMIT_NOFILE, &none));
  const std::array<int, 1> fds = {memory.get()};
  const Status status = ledger->Put("key", {}, fds);
  EXPECT_SYS(setrlimit(RLIMIT_NOFILE, &before));
  EXPECT_EQ(status.error, EMFILE);
  EXPECT_TRUE(keeper.Keys().empty());
  EXPECT_OK(ledger->Put("key", {}, fds));
}

TEST(no_descriptor_is_left) {
  const int before = CountDescriptors();
  {
    Keeper keeper;
    std::shared_ptr<Ledger> ledger;
    for (int round = 0; round < 20; round++) {
      EXPECT_OK(StartServer(keeper, &ledger));
      UniqueFd memory;
      EXPECT_OK(CreateSharedMemory("test", 4096, &memory));
      const std::array<int, 2> fds = {memory.get(), memory.get()};
      EXPECT_OK(ledger->Put("key/" + std::to_string(round % 7), {}, fds));
      EXPECT_OK(ledger->Put("key", {}, fds));
    }
  }
  EXPECT_EQ(CountDescriptors(), before);
}

TEST(many_threads_put_at_once) {
  constexpr int kThreads = 8, kPuts = 200;
  Keeper keeper;
  std::shared_ptr<Ledger> ledger;
  EXPECT_OK(StartServer(keeper, &ledger));
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int index = 0; index < kThreads; index++) {
    threads.emplace_back([&, index] {
      const std::string key = "thread/" + std::to_string(index) + "/";
      for (int put = 0; put < kPuts; put++) {
        if (!ledger->Put(key + std::to_string(put), {}, {}).ok()) failed++;
        if (put % 2 == 0) ledger->Drop(key + std::to_string(put));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed.load(), 0);
  EXPECT_EQ(keeper.Keys().size(), kThreads * kPuts / 2);
}

TEST(null_ledger_keeps_nothing) {
  const auto ledger = NullLedger();
  EXPECT_OK(ledger->Put("key", {}, {}));
  EXPECT_TRUE(ledger->Take("").empty());
  ledger->Drop("key");
}

}  // namespace
}  // namespace umap
