// The queue between the engine and a JavaScript worker, driven by threads that play both. What is
// checked: bytes, limits, who waits for whom, and what becomes of calls when a worker dies.
#include <atomic>
#include <cerrno>
#include <memory>
#include <numeric>
#include <random>
#include <thread>

#include "os/clock.h"
#include "store/host_store.h"
#include "test/expect.h"
#include "test/host_fixture.h"

namespace umap {
namespace {

std::vector<uint8_t> Pattern(size_t bytes, uint8_t first) {
  std::vector<uint8_t> pattern(bytes);
  std::iota(pattern.begin(), pattern.end(), first);
  return pattern;
}

TEST(read_gets_the_bytes_that_the_worker_puts_into_the_arena) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  Server server(*host);
  EXPECT_OK(server.status);
  std::vector<uint8_t> target(5000);
  TestCall call(StoreOp::kRead, 12'288, &target);
  // Two pieces, to see that the list is followed.
  call.iovecs = {{target.data(), 1000}, {target.data() + 1000, 4000}};
  store.Submit(&call);

  const HostCall shown = server.Take();
  EXPECT_EQ(shown.store_key, kKey);
  EXPECT_EQ(shown.op, StoreOp::kRead);
  EXPECT_EQ(shown.offset, 12'288u);
  EXPECT_EQ(shown.byte_length, 5000u);
  const std::vector<uint8_t> bytes = Pattern(5000, 3);
  std::memcpy(server.arena->data() + shown.arena_offset, bytes.data(), bytes.size());
  host->Complete(shown.token, HostOutcome::kOk, {});
  EXPECT_OK(call.Wait().status);
  EXPECT_FALSE(call.Wait().hole);
  EXPECT_TRUE(target == bytes);
  host->Close();
}

TEST(write_shows_its_bytes_in_the_arena) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  Server server(*host);
  std::vector<uint8_t> source = Pattern(6000, 9);
  TestCall call(StoreOp::kWrite, 0, &source);
  store.Submit(&call);
  const HostCall shown = server.Take();
  EXPECT_EQ(shown.op, StoreOp::kWrite);
  EXPECT_EQ(std::memcmp(server.arena->data() + shown.arena_offset, source.data(), 6000), 0);
  host->Complete(shown.token, HostOutcome::kOk, {});
  EXPECT_OK(call.Wait().status);
  host->Close();
}

TEST(hole_leaves_the_target_alone) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 1 << 16), "test store");
  Server server(*host);
  std::vector<uint8_t> target(4096, 0x55);
  TestCall call(StoreOp::kRead, 0, &target);
  store.Submit(&call);
  host->Complete(server.Take().token, HostOutcome::kHole, {});
  EXPECT_TRUE(call.Wait().hole);
  EXPECT_EQ(target[17], 0x55);
  host->Close();
}

TEST(long_call_is_cut_and_a_hole_among_its_parts_is_zeros) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(8, 4096), "test store");
  Server server(*host);
  std::vector<uint8_t> target(10'000, 0x55);
  TestCall call(StoreOp::kRead, 8192, &target);
  store.Submit(&call);
  const HostCall first = server.Take();
  const HostCall second = server.Take();
  const HostCall third = server.Take();
  EXPECT_EQ(first.byte_length, 4096u);
  EXPECT_EQ(second.offset, 8192u + 4096u);
  EXPECT_EQ(third.byte_length, 10'000u - 8192u);
  std::memset(server.arena->data() + first.arena_offset, 1, 4096);
  std::memset(server.arena->data() + third.arena_offset, 3, third.byte_length);
  host->Complete(third.token, HostOutcome::kOk, {});
  host->Complete(second.token, HostOutcome::kHole, {});
  EXPECT_EQ(call.times(), 0);
  host->Complete(first.token, HostOutcome::kOk, {});
  EXPECT_OK(call.Wait().status);
  EXPECT_FALSE(call.Wait().hole);
  EXPECT_EQ(target[4095], 1);
  EXPECT_EQ(target[4096], 0);
  EXPECT_EQ(target[8191], 0);
  EXPECT_EQ(target[9999], 3);
  host->Close();
}

TEST(error_of_the_worker_ends_the_call_with_its_status) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(1, 4096), "test store");
  Server server(*host);
  TestCall call(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&call);
  Status failure = Status::Retry(ENOSPC, "no space");
  failure.detail = "{}";
  host->Complete(server.Take().token, HostOutcome::kError, failure);
  const Status status = call.Wait().status;
  EXPECT_EQ(status.error, ENOSPC);
  EXPECT_TRUE(status.retryable);
  EXPECT_EQ(status.detail, "{}");
  EXPECT_EQ(host->Stats().failed, 1u);
  host->Close();
}

TEST(flush_beside_another_that_is_under_way_is_not_answered_before_the_store_has_flushed) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 4096), "test store");
  Server server(*host);
  std::vector<uint8_t> source(4096, 1);
  TestCall write(StoreOp::kWrite, 0, &source);
  store.Submit(&write);
  host->Complete(server.Take().token, HostOutcome::kOk, {});
  TestCall first(StoreOp::kFlush, 0, nullptr);
  TestCall second(StoreOp::kFlush, 0, nullptr);
  store.Submit(&first);
  store.Submit(&second);
  const uint64_t first_token = server.Take().token;
  const uint64_t second_token = server.Take().token;
  EXPECT_EQ(second.times(), 0);
  // The one that began later ends first: what both cover is durable then.
  host->Complete(second_token, HostOutcome::kOk, {});
  EXPECT_OK(second.Wait().status);
  TestCall third(StoreOp::kFlush, 0, nullptr);
  store.Submit(&third);
  EXPECT_EQ(third.times(), 1);
  host->Complete(first_token, HostOutcome::kOk, {});
  EXPECT_OK(first.Wait().status);
  host->Close();
}

TEST(flush_reaches_the_worker_only_when_something_was_written) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(4, 4096), "test store");
  TestCall nothing_to_flush(StoreOp::kFlush, 0, nullptr);
  store.Submit(&nothing_to_flush);
  EXPECT_EQ(nothing_to_flush.times(), 1);
  EXPECT_OK(nothing_to_flush.Wait().status);

  Server server(*host);
  std::vector<uint8_t> source(4096, 1);
  TestCall write(StoreOp::kWrite, 0, &source);
  store.Submit(&write);
  const uint64_t write_token = server.Take().token;
  // A flush beside a write does not cover it, and one that fails covers nothing.
  TestCall too_early(StoreOp::kFlush, 0, nullptr);
  store.Submit(&too_early);
  EXPECT_EQ(too_early.times(), 1);
  host->Complete(write_token, HostOutcome::kOk, {});
  for (const HostOutcome outcome : {HostOutcome::kError, HostOutcome::kOk}) {
    TestCall flush(StoreOp::kFlush, 0, nullptr);
    store.Submit(&flush);
    const HostCall shown = server.Take();
    EXPECT_EQ(shown.op, StoreOp::kFlush);
    host->Complete(shown.token, outcome, Status::Fail(EIO, "no"));
    EXPECT_EQ(flush.Wait().status.ok(), outcome == HostOutcome::kOk);
  }
  TestCall flushed_already(StoreOp::kFlush, 0, nullptr);
  store.Submit(&flushed_already);
  EXPECT_EQ(flushed_already.times(), 1);
  host->Close();
}

TEST(oldest_call_is_that_of_the_asked_store) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore idle(host, 1, Traits(1, 4096), "idle");
  HostStore busy(host, 2, Traits(1, 4096), "busy");
  std::vector<uint8_t> target(4096);
  TestCall first(StoreOp::kRead, 8192, &target);
  TestCall second(StoreOp::kRead, 0, &target);
  const int64_t before_ns = NowNs();
  busy.Submit(&first);
  busy.Submit(&second);
  PendingCall pending;
  EXPECT_FALSE(idle.OldestCall(&pending));
  EXPECT_TRUE(busy.OldestCall(&pending));
  EXPECT_EQ(pending.offset, 8192u);
  EXPECT_EQ(pending.byte_length, 4096u);
  EXPECT_GE(pending.started_ns, before_ns);
  EXPECT_LE(pending.started_ns, NowNs());
  host->Close();
  EXPECT_FALSE(busy.OldestCall(&pending));
}

TEST(concurrency_max_holds_for_each_store) {
  const auto host = MakeHost(1 << 20, 60'000);
  HostStore narrow(host, 1, Traits(1, 4096), "narrow");
  HostStore wide(host, 2, Traits(2, 4096), "wide");
  Server server(*host);
  std::vector<uint8_t> target(4096);
  TestCall narrow_first(StoreOp::kRead, 0, &target);
  TestCall narrow_second(StoreOp::kRead, 4096, &target);
  TestCall wide_first(StoreOp::kDiscard, 0, nullptr);
  narrow.Submit(&narrow_first);
  narrow.Submit(&narrow_second);
  wide.Submit(&wide_first);
  const HostCall first = server.Take();
  const HostCall second = server.Take();
  EXPECT_EQ(first.store_key, 1u);
  EXPECT_EQ(second.store_key, 2u);
  HostCall none;
  EXPECT_FALSE(host->TakeCall(server.session, &none));
  host->Complete(second.token, HostOutcome::kOk, {});
  EXPECT_FALSE(host->TakeCall(server.session, &none));
  host->Complete(first.token, HostOutcome::kOk, {});
  host->Complete(server.Take().token, HostOutcome::kOk, {});
  EXPECT_OK(narrow_second.Wait().status);
  host->Close();
}

TEST(call_waits_for_room_in_the_arena) {
  const auto host = MakeHost(8192, 60'000);
  HostStore store(host, kKey, Traits(8, 8192), "test store");
  Server server(*host);
  std::vector<uint8_t> small(4096), large(8192);
  TestCall first(StoreOp::kRead, 0, &small);
  TestCall second(StoreOp::kRead, 0, &large);
  store.Submit(&first);
  store.Submit(&second);
  const HostCall shown = server.Take();
  HostCall none;
  EXPECT_FALSE(host->TakeCall(server.session, &none));
  host->Complete(shown.token, HostOutcome::kHole, {});
  const HostCall next = server.Take();
  EXPECT_EQ(next.byte_length, 8192u);
  host->Complete(next.token, HostOutcome::kHole, {});
  EXPECT_TRUE(second.Wait().hole);
  host->Close();
}

TEST(calls_of_a_dead_worker_go_to_the_next_one_in_their_order) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(2, 4096), "test store");
  std::vector<uint8_t> target(4096);
  TestCall first(StoreOp::kRead, 0, &target);
  TestCall second(StoreOp::kRead, 4096, &target);
  TestCall third(StoreOp::kRead, 8192, &target);
  uint64_t old_token = 0;
  {
    Server dying(*host);
    for (TestCall* call : {&first, &second, &third}) store.Submit(call);
    old_token = dying.Take().token;
    dying.Take();
    host->Detach(dying.session);
    HostCall none;
    EXPECT_FALSE(host->TakeCall(dying.session, &none));
  }
  EXPECT_EQ(host->Stats().requeued, 2u);
  Server server(*host);
  // An answer that comes too late belongs to nobody.
  host->Complete(old_token, HostOutcome::kOk, {});
  EXPECT_EQ(first.times(), 0);
  for (const uint64_t offset : {0u, 4096u, 8192u}) {
    const HostCall shown = server.Take();
    EXPECT_EQ(shown.offset, offset);
    host->Complete(shown.token, HostOutcome::kHole, {});
  }
  EXPECT_TRUE(third.Wait().hole);
  EXPECT_EQ(first.times(), 1);
  host->Close();
}

TEST(host_is_served_by_one_worker_at_a_time) {
  const auto host = MakeHost(1 << 16, 60'000);
  Server first(*host);
  EXPECT_OK(first.status);
  EXPECT_EQ(Server(*host).status.error, EBUSY);
  host->Detach(first.session);
  EXPECT_OK(Server(*host).status);
  host->Close();
}

TEST(without_a_worker_calls_fail_after_the_grace) {
  const auto host = MakeHost(1 << 16, 20);
  HostStore store(host, kKey, Traits(2, 4096), "test store");
  const StoreHost::Session session = Server(*host).session;
  TestCall waiting(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&waiting);
  EXPECT_EQ(waiting.times(), 0);
  host->Detach(session);
  const Status status = waiting.Wait().status;
  EXPECT_EQ(status.error, ECONNRESET);
  EXPECT_EQ(status.message.rfind("store host died", 0), 0u);
  TestCall late(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&late);
  EXPECT_EQ(late.times(), 1);
  // A worker that comes after all finds the host working.
  Server server(*host);
  TestCall healed(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&healed);
  host->Complete(server.Take().token, HostOutcome::kOk, {});
  EXPECT_OK(healed.Wait().status);
  host->Close();
}

TEST(calls_keep_waiting_when_the_worker_dies_because_the_process_ends) {
  const auto host = MakeHost(1 << 16, 0);
  HostStore store(host, kKey, Traits(2, 4096), "test store");
  Server server(*host);
  TestCall call(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&call);
  server.Take();
  host->KeepWaiting();
  host->Detach(server.session);
  TestCall late(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&late);
  EXPECT_EQ(host->Stats().pending, 2u);
  host->Close();
  EXPECT_EQ(call.Wait().status.error, ECONNRESET);
  EXPECT_EQ(late.Wait().status.error, ECONNRESET);
}

TEST(close_fails_what_waits_and_what_is_in_flight_and_what_comes) {
  const auto host = MakeHost(1 << 16, 60'000);
  HostStore store(host, kKey, Traits(1, 4096), "test store");
  Server server(*host);
  std::vector<uint8_t> target(4096);
  TestCall in_flight(StoreOp::kRead, 0, &target);
  TestCall waiting(StoreOp::kRead, 0, &target);
  store.Submit(&in_flight);
  store.Submit(&waiting);
  const HostCall shown = server.Take();
  host->Close();
  EXPECT_EQ(in_flight.Wait().status.error, ECONNRESET);
  EXPECT_EQ(waiting.Wait().status.error, ECONNRESET);
  TestCall late(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&late);
  EXPECT_EQ(late.Wait().status.error, ECONNRESET);
  host->Complete(shown.token, HostOutcome::kOk, {});
  EXPECT_EQ(in_flight.times(), 1);
  EXPECT_EQ(host->Stats().pending, 0u);
}

// A worker that serves an array in memory until it has taken `calls_max` calls, leaves some of them
// without an answer, and dies.
void ServeFor(StoreHost& host, std::vector<uint8_t>& stored, uint64_t calls_max,
              const std::atomic<bool>& stop) {
  Server server(host);
  uint64_t unanswered = 0;
  for (uint64_t taken = 0; taken < calls_max && !stop;) {
    HostCall call;
    if (!host.TakeCall(server.session, &call)) {
      // What it holds back may be all there is.
      if (unanswered > 0) break;
      server.wake->Take();
      continue;
    }
    taken += 1;
    if (call.token % 7 == 0) {
      unanswered += 1;
      continue;
    }
    uint8_t* const arena = server.arena->data() + call.arena_offset;
    uint8_t* const at = stored.data() + call.offset;
    if (call.op == StoreOp::kRead) std::memcpy(arena, at, call.byte_length);
    if (call.op == StoreOp::kWrite) std::memcpy(at, arena, call.byte_length);
    host.Complete(call.token, HostOutcome::kOk, {});
  }
  host.Detach(server.session);
}

TEST(nothing_is_lost_or_mixed_up_while_workers_die_and_threads_submit) {
  constexpr uint64_t kBlockBytes = 6000;
  constexpr int kThreads = 3;
  constexpr int kRounds = 300;
  const auto host = MakeHost(32 << 10, 60'000);
  HostStore store(host, kKey, Traits(8, 4096), "test store");
  std::vector<uint8_t> stored(kBlockBytes * kThreads);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;

  std::thread workers([&] {
    std::mt19937_64 random(test::Seed());
    // Each dies after a few answers, but not so few that only deaths happen.
    while (!stop) ServeFor(*host, stored, 20 + random() % 40, stop);
  });
  std::vector<std::thread> threads;
  for (int index = 0; index < kThreads; ++index) {
    threads.emplace_back([&, index] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<uint8_t> source(kBlockBytes, static_cast<uint8_t>(round + index));
        TestCall write(StoreOp::kWrite, kBlockBytes * static_cast<uint64_t>(index), &source);
        store.Submit(&write);
        std::vector<uint8_t> target(kBlockBytes);
        if (!write.Wait().status.ok()) wrong += 1;
        TestCall read(StoreOp::kRead, kBlockBytes * static_cast<uint64_t>(index), &target);
        store.Submit(&read);
        if (!read.Wait().status.ok() || target != source) wrong += 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  // Something to wake the worker for, so that it sees the flag.
  TestCall last(StoreOp::kDiscard, 0, nullptr);
  store.Submit(&last);
  workers.join();
  host->Close();
  EXPECT_EQ(last.times(), 1);
  EXPECT_EQ(wrong.load(), 0);
}

TEST(closing_from_another_thread_ends_every_call_once) {
  for (int round = 0; round < 50; ++round) {
    const auto host = MakeHost(64 << 10, 60'000);
    HostStore store(host, kKey, Traits(4, 4096), "test store");
    std::vector<uint8_t> source(4096, 1);
    std::vector<std::unique_ptr<TestCall>> calls;
    for (int index = 0; index < 40; ++index) {
      calls.push_back(std::make_unique<TestCall>(StoreOp::kWrite, 0, &source));
    }
    std::thread worker([&] {
      Server server(*host);
      HostCall call;
      while (host->Stats().pending > 0) {
        if (!host->TakeCall(server.session, &call)) break;
        host->Complete(call.token, HostOutcome::kOk, {});
      }
      host->Detach(server.session);
    });
    std::thread submitter([&] {
      for (const auto& call : calls) store.Submit(call.get());
    });
    host->Close();
    worker.join();
    submitter.join();
    for (const auto& call : calls) {
      call->Wait();
      EXPECT_EQ(call->times(), 1);
    }
  }
}

}  // namespace
}  // namespace umap
