// A store host that is served over a link, as from another process: one process plays both ends
// here. What is checked: bytes and errors get across, nothing is lost when an end goes away, and a
// process at the other end does not outlive its link.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/host_store.h"
#include "store/store_host_link.h"
#include "store/store_host_service.h"
#include "store/store_host_wire.h"
#include "test/expect.h"
#include "test/host_fixture.h"

namespace umap {
namespace {

constexpr uint64_t kHostId = 3;

// Both ends of a link over which a host is served, and the thread of the stores' end.
struct Linked {
  explicit Linked(const std::shared_ptr<StoreHost>& host) {
    status = HostLink::Create(&link);
    if (status.ok()) status = link->Serve(kHostId, host);
    if (!status.ok()) return;
    status = ServeRemotely(link->child_fd(), [signal = wake] { signal->Set(); }, &service);
  }

  // The next call; waits for it.
  HostCall Take() {
    HostCall call;
    while (!service->TakeCall(&call)) {
      service->Watch();
      wake->Take();
    }
    return call;
  }
  uint8_t* Bytes(const HostCall& call) { return service->arena()->data() + call.arena_offset; }

  std::shared_ptr<Signal> wake = std::make_shared<Signal>();
  std::shared_ptr<HostLink> link;
  std::shared_ptr<HostService> service;
  Status status;
};

// Returns when `host` is served by nobody.
void AwaitUnserved(const StoreHost& host) {
  while (host.Stats().served) std::this_thread::yield();
}

TEST(bytes_get_across_both_ways) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  Linked linked(host);
  EXPECT_OK(linked.status);
  // Memory of each end's own: what is seen here was not seen at the same address.
  std::vector<uint8_t> source(5000, 7);
  TestCall write(StoreOp::kWrite, 4096, &source);
  store.Submit(&write);
  HostCall shown = linked.Take();
  EXPECT_EQ(shown.op, StoreOp::kWrite);
  EXPECT_EQ(shown.store_key, kKey);
  EXPECT_EQ(shown.offset, 4096u);
  EXPECT_EQ(shown.byte_length, 5000u);
  EXPECT_EQ(std::memcmp(linked.Bytes(shown), source.data(), source.size()), 0);
  linked.service->Complete(shown.token, HostOutcome::kOk, {});
  EXPECT_OK(write.Wait().status);

  std::vector<uint8_t> target(5000);
  TestCall read(StoreOp::kRead, 4096, &target);
  store.Submit(&read);
  shown = linked.Take();
  std::memset(linked.Bytes(shown), 9, shown.byte_length);
  linked.service->Complete(shown.token, HostOutcome::kOk, {});
  EXPECT_OK(read.Wait().status);
  EXPECT_TRUE(target == std::vector<uint8_t>(5000, 9));
  host->Close();
}

TEST(hole_and_errors_get_across) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  Linked linked(host);
  std::vector<uint8_t> target(4096, 0x55);
  TestCall hole(StoreOp::kRead, 0, &target);
  store.Submit(&hole);
  linked.service->Complete(linked.Take().token, HostOutcome::kHole, {});
  EXPECT_TRUE(hole.Wait().hole);
  EXPECT_EQ(target[17], 0x55);

  TestCall failing(StoreOp::kRead, 0, &target);
  store.Submit(&failing);
  const Status status = {ENOSPC, true, "no space", R"({"code":"ENOSPC"})"};
  linked.service->Complete(linked.Take().token, HostOutcome::kError, status);
  const Status told = failing.Wait().status;
  EXPECT_EQ(told.error, ENOSPC);
  EXPECT_TRUE(told.retryable);
  EXPECT_EQ(told.message, status.message);
  EXPECT_EQ(told.detail, status.detail);

  // Details that no socket takes stay behind, and the error is the same.
  TestCall wordy(StoreOp::kRead, 0, &target);
  store.Submit(&wordy);
  const Status novel = {EIO, false, std::string(1 << 20, 'm'), std::string(1 << 20, 'd')};
  linked.service->Complete(linked.Take().token, HostOutcome::kError, novel);
  const Status cut = wordy.Wait().status;
  EXPECT_EQ(cut.error, EIO);
  EXPECT_TRUE(!cut.message.empty() && novel.message.starts_with(cut.message));
  EXPECT_TRUE(cut.detail.empty());
  host->Close();
}

TEST(more_calls_than_a_socket_holds_are_all_answered) {
  constexpr uint32_t kCalls = 5000;
  const auto host = MakeHost(kCalls * 4096, 60'000);
  HostStore store(host, kKey, Traits(kCalls, 4096), "test store");
  Linked linked(host);
  EXPECT_LT(CallsThatFit(linked.service->fd()), kCalls);
  std::vector<std::vector<uint8_t>> targets(kCalls, std::vector<uint8_t>(8));
  std::vector<std::unique_ptr<TestCall>> calls;
  for (uint32_t index = 0; index < kCalls; ++index) {
    calls.push_back(std::make_unique<TestCall>(StoreOp::kRead, index * 8, &targets[index]));
  }
  // Nobody takes any meanwhile, and submitting waits for nobody.
  for (const auto& call : calls) store.Submit(call.get());
  for (uint32_t count = 0; count < kCalls; ++count) {
    const HostCall shown = linked.Take();
    std::memcpy(linked.Bytes(shown), &shown.offset, sizeof shown.offset);
    linked.service->Complete(shown.token, HostOutcome::kOk, {});
  }
  for (uint32_t index = 0; index < kCalls; ++index) {
    EXPECT_OK(calls[index]->Wait().status);
    uint64_t offset = 0;
    std::memcpy(&offset, targets[index].data(), sizeof offset);
    EXPECT_EQ(offset, index * 8u);
  }
  host->Close();
}

TEST(service_that_stops_leaves_its_calls_to_the_next) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  auto first = std::make_unique<Linked>(host);
  std::vector<uint8_t> target(4096);
  TestCall taken(StoreOp::kRead, 0, &target);
  store.Submit(&taken);
  first->Take();
  std::vector<uint8_t> other(4096);
  TestCall unread(StoreOp::kRead, 4096, &other);
  store.Submit(&unread);
  first->service->Stop();
  AwaitUnserved(*host);
  EXPECT_EQ(host->Stats().pending, 2u);
  // What it says now, nobody hears.
  first->service->Complete(1, HostOutcome::kOk, {});
  first = nullptr;

  Linked second(host);
  EXPECT_OK(second.status);
  for (const uint64_t offset : {0, 4096}) {
    const HostCall shown = second.Take();
    EXPECT_EQ(shown.offset, offset);
    std::memset(second.Bytes(shown), 4, shown.byte_length);
    second.service->Complete(shown.token, HostOutcome::kOk, {});
  }
  EXPECT_OK(taken.Wait().status);
  EXPECT_OK(unread.Wait().status);
  EXPECT_EQ(target[0] + other[4095], 8);
  host->Close();
}

TEST(link_that_is_closed_serves_nothing) {
  const auto host = MakeHost(1 << 16, 60'000);
  const auto other = MakeHost(1 << 16, 60'000);
  Linked linked(host);
  EXPECT_OK(linked.link->Serve(kHostId + 1, other));
  EXPECT_EQ(linked.link->Serve(kHostId + 2, other).error, EBUSY);
  linked.link->Unserve(kHostId + 1);
  EXPECT_FALSE(other->Stats().served);
  EXPECT_TRUE(host->Stats().served);
  linked.link->Close();
  EXPECT_FALSE(host->Stats().served);
  host->Close();
  other->Close();
}

TEST(wake_comes_once_for_each_watch) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  std::shared_ptr<HostLink> link;
  EXPECT_OK(HostLink::Create(&link));
  EXPECT_OK(link->Serve(kHostId, host));
  std::atomic<int> wakes = 0;
  Signal woken;
  std::shared_ptr<HostService> service;
  EXPECT_OK(ServeRemotely(
      link->child_fd(),
      [&] {
        wakes += 1;
        woken.Set();
      },
      &service));
  std::vector<uint8_t> target(4096);
  TestCall one(StoreOp::kRead, 0, &target);
  TestCall two(StoreOp::kRead, 0, &target);
  store.Submit(&one);
  woken.Take();
  store.Submit(&two);
  HostCall first;
  EXPECT_TRUE(service->TakeCall(&first));
  EXPECT_EQ(wakes.load(), 1);
  // The second call is there already.
  service->Watch();
  woken.Take();
  EXPECT_EQ(wakes.load(), 2);
  HostCall second;
  EXPECT_TRUE(service->TakeCall(&second));
  EXPECT_FALSE(service->HasCall());
  service->Complete(first.token, HostOutcome::kOk, {});
  service->Complete(second.token, HostOutcome::kOk, {});
  one.Wait();
  two.Wait();
  service->Stop();
  host->Close();
}

// Serves until it has taken some calls, one of seven of which it never answers.
void ServeFor(const std::shared_ptr<StoreHost>& host, std::vector<uint8_t>& stored,
              uint64_t calls_max, const std::atomic<bool>& stop) {
  Linked linked(host);
  uint64_t unanswered = 0;
  for (uint64_t taken = 0; taken < calls_max && !stop;) {
    HostCall call;
    if (!linked.service->TakeCall(&call)) {
      // What it holds back may be all there is.
      if (unanswered > 0) break;
      linked.service->Watch();
      linked.wake->Take();
      continue;
    }
    taken += 1;
    if (taken % 7 == 6) {
      unanswered += 1;
      continue;
    }
    uint8_t* const at = stored.data() + call.offset;
    if (call.op == StoreOp::kRead) std::memcpy(linked.Bytes(call), at, call.byte_length);
    if (call.op == StoreOp::kWrite) std::memcpy(at, linked.Bytes(call), call.byte_length);
    linked.service->Complete(call.token, HostOutcome::kOk, {});
  }
  // As one that dies: what it has answered counts, what it has taken does not.
  linked.service->Stop();
  AwaitUnserved(*host);
}

TEST(nothing_is_lost_or_mixed_up_while_services_end_and_threads_submit) {
  constexpr uint64_t kBlockBytes = 6000;
  constexpr int kThreads = 3;
  constexpr int kRounds = 100;
  const auto host = MakeHost(32 << 10, 60'000);
  HostStore store(host, kKey, Traits(8, 4096), "test store");
  std::vector<uint8_t> stored(kBlockBytes * kThreads);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread services([&] {
    std::mt19937_64 random(test::Seed());
    while (!stop) ServeFor(host, stored, 20 + random() % 40, stop);
  });
  std::vector<std::thread> threads;
  for (int index = 0; index < kThreads; ++index) {
    threads.emplace_back([&, index] {
      const uint64_t at = kBlockBytes * static_cast<uint64_t>(index);
      for (int round = 0; round < kRounds; ++round) {
        std::vector<uint8_t> source(kBlockBytes, static_cast<uint8_t>(round + index));
        TestCall write(StoreOp::kWrite, at, &source);
        store.Submit(&write);
        if (!write.Wait().status.ok()) wrong += 1;
        std::vector<uint8_t> target(kBlockBytes);
        TestCall read(StoreOp::kRead, at, &target);
        store.Submit(&read);
        if (!read.Wait().status.ok() || target != source) wrong += 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  // Something to wake the service for, so that it sees the flag.
  TestCall last(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&last);
  services.join();
  host->Close();
  EXPECT_EQ(last.times(), 1);
  EXPECT_EQ(wrong.load(), 0);
}

TEST(what_the_other_process_gets_is_sealed_and_not_inherited) {
  std::shared_ptr<HostArena> arena;
  EXPECT_OK(HostArena::Create(HostArena::Kind::kShared, 1 << 16, &arena));
  EXPECT_NE(ftruncate(arena->fd(), 4096), 0);
  EXPECT_TRUE(fcntl(arena->fd(), F_GETFD) & FD_CLOEXEC);
  const auto host = MakeHost(1 << 16, 60'000);
  Linked linked(host);
  EXPECT_TRUE(fcntl(linked.service->fd(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(fcntl(linked.service->arena()->fd(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(fcntl(linked.link->child_fd(), F_GETFD) & FD_CLOEXEC);
  host->Close();
}

TEST(what_is_no_link_is_refused) {
  int pipe_fds[2];
  EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const UniqueFd reading(pipe_fds[0]);
  const UniqueFd writing(pipe_fds[1]);
  EXPECT_EQ(EndWithLink(reading.get()).error, EINVAL);
  std::shared_ptr<HostService> service;
  EXPECT_NE(ServeRemotely(reading.get(), [] {}, &service).error, 0);
}

// Runs last: it forks, for which no other thread may be there under TSan.
TEST(process_ends_with_its_link_whatever_its_threads_do) {
  std::shared_ptr<HostLink> link;
  EXPECT_OK(HostLink::Create(&link));
  const pid_t pid = fork();
  EXPECT_GE(pid, 0);
  if (pid == 0) {
    const int end = dup(link->child_fd());
    link->Close();
    if (!EndWithLink(end).ok()) _exit(1);
    for (;;) pause();
  }
  link->CloseChildEnd();
  link->Close();
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace umap
