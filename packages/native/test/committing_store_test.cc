// The store that accepts what is durable: when calls end, what they share, what a failure refuses,
// and that a store which forgets what was not flushed forgets nothing that was accepted.
#include "store/committing_store.h"

#include <atomic>
#include <cerrno>
#include <random>
#include <thread>

#include "test/expect.h"
#include "test/host_fixture.h"
#include "test/scripted_store.h"

namespace umap {
namespace {

using test::ScriptedOptions;
using test::ScriptedStore;
using Bytes = std::vector<uint8_t>;

// A store whose writes are lost when it is killed, unless a flush began after they had ended. Calls
// end on the thread that submits, in between those of others.
class ForgetfulStore final : public Store {
 public:
  explicit ForgetfulStore(size_t words) : volatile_(words), durable_(words) {
    traits_.byte_length = words * 8;
    traits_.writable = true;
    traits_.blocking = false;
  }
  const StoreTraits& traits() const override { return traits_; }
  const std::string& label() const override { return label_; }

  void Submit(StoreCall* call) override {
    if (call->op == StoreOp::kFlush) {
      std::vector<uint64_t> covered;
      {
        const std::lock_guard lock(mutex_);
        covered = volatile_;
      }
      std::this_thread::yield();
      const std::lock_guard lock(mutex_);
      if (!killed_) durable_ = covered;
    } else {
      const std::lock_guard lock(mutex_);
      std::memcpy(&volatile_[call->offset / 8], call->iovecs[0].iov_base, 8);
    }
    call->Done({Killed() ? Status::Fail(EIO, "killed") : Status::Ok(), false});
  }
  void Kill() {
    const std::lock_guard lock(mutex_);
    killed_ = true;
  }
  uint64_t Durable(size_t word) {
    const std::lock_guard lock(mutex_);
    return durable_[word];
  }

 private:
  bool Killed() {
    const std::lock_guard lock(mutex_);
    return killed_;
  }

  StoreTraits traits_;
  const std::string label_ = "forgetful store";
  std::mutex mutex_;
  std::vector<uint64_t> volatile_;
  std::vector<uint64_t> durable_;
  bool killed_ = false;
};

TEST(a_write_ends_after_a_flush_that_began_when_it_was_done) {
  const auto inner = std::make_shared<ScriptedStore>(1 << 16);
  const auto store = MakeCommittingStore(inner);
  inner->Hold(StoreOp::kFlush);
  Bytes source(4096, 7);
  TestCall write(StoreOp::kWrite, 4096, &source);
  store->Submit(&write);
  inner->AwaitCalls(StoreOp::kFlush, 1);
  EXPECT_EQ(inner->Word(4096), 0x0707070707070707u);
  EXPECT_EQ(write.times(), 0);
  inner->LetGo(StoreOp::kFlush);
  EXPECT_OK(write.Wait().status);
  EXPECT_EQ(write.times(), 1);
}

TEST(a_write_that_ends_during_a_flush_waits_for_the_next_one_and_shares_it) {
  const auto inner = std::make_shared<ScriptedStore>(1 << 16);
  const auto store = MakeCommittingStore(inner);
  inner->Hold(StoreOp::kFlush);
  Bytes source(4096, 1);
  TestCall first(StoreOp::kWrite, 0, &source);
  store->Submit(&first);
  inner->AwaitCalls(StoreOp::kFlush, 1);
  TestCall second(StoreOp::kWrite, 4096, &source);
  TestCall third(StoreOp::kDiscard, 8192, nullptr);
  third.byte_length = 4096;
  store->Submit(&second);
  store->Submit(&third);
  // The scripted store answers in order: these two have ended when a read behind them has.
  TestCall read(StoreOp::kRead, 4096, &source);
  store->Submit(&read);
  EXPECT_OK(read.Wait().status);
  EXPECT_EQ(first.times() + second.times() + third.times(), 0);
  inner->LetGo(StoreOp::kFlush);
  EXPECT_OK(first.Wait().status);
  EXPECT_OK(second.Wait().status);
  EXPECT_OK(third.Wait().status);
  EXPECT_EQ(inner->CallsOf(StoreOp::kFlush), 2u);
  EXPECT_EQ(inner->Word(8192), 0u);
}

TEST(a_flush_that_fails_refuses_every_change_of_its_group_and_no_other) {
  const auto inner = std::make_shared<ScriptedStore>(1 << 16);
  const auto store = MakeCommittingStore(inner);
  std::atomic<int> flushes = 0;
  inner->Hold(StoreOp::kFlush);
  inner->SetScript([&](StoreOp op, uint64_t, uint64_t) {
    if (op != StoreOp::kFlush || ++flushes != 2) return Status::Ok();
    return Status::Retry(ENOSPC, "no space");
  });
  Bytes source(4096, 1);
  TestCall first(StoreOp::kWrite, 0, &source);
  store->Submit(&first);
  inner->AwaitCalls(StoreOp::kFlush, 1);
  TestCall second(StoreOp::kWrite, 4096, &source);
  TestCall third(StoreOp::kWrite, 8192, &source);
  store->Submit(&second);
  store->Submit(&third);
  TestCall read(StoreOp::kRead, 0, &source);
  store->Submit(&read);
  EXPECT_OK(read.Wait().status);
  inner->LetGo(StoreOp::kFlush);
  EXPECT_OK(first.Wait().status);
  for (TestCall* refused : {&second, &third}) {
    EXPECT_EQ(refused->Wait().status.error, ENOSPC);
    EXPECT_TRUE(refused->Wait().status.retryable);
  }
  TestCall again(StoreOp::kWrite, 4096, &source);
  store->Submit(&again);
  EXPECT_OK(again.Wait().status);
}

TEST(a_write_that_the_store_refuses_ends_without_a_flush) {
  const auto inner = std::make_shared<ScriptedStore>(1 << 16);
  const auto store = MakeCommittingStore(inner);
  inner->SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kWrite ? Status::Fail(EIO, "refused") : Status::Ok();
  });
  Bytes source(4096, 1);
  TestCall write(StoreOp::kWrite, 0, &source);
  store->Submit(&write);
  EXPECT_EQ(write.Wait().status.error, EIO);
  EXPECT_EQ(inner->CallsOf(StoreOp::kFlush), 0u);
}

TEST(reads_flushes_and_what_is_known_of_the_store_pass_through) {
  ScriptedOptions options;
  options.sparse = true;
  options.ready = true;
  const auto inner = std::make_shared<ScriptedStore>(1 << 16, options);
  const auto store = MakeCommittingStore(inner);
  Bytes bytes(4096, 9);
  TestCall hole(StoreOp::kRead, 0, &bytes);
  store->Submit(&hole);
  EXPECT_TRUE(hole.Wait().hole);
  EXPECT_EQ(store->TryRead(0, bytes.data(), 4096, MayWait::kNo), TryReadOutcome::kHole);
  TestCall write(StoreOp::kWrite, 0, &bytes);
  store->Submit(&write);
  EXPECT_OK(write.Wait().status);
  Bytes read(4096);
  EXPECT_EQ(store->TryRead(0, read.data(), 4096, MayWait::kNo), TryReadOutcome::kDone);
  EXPECT_TRUE(read == bytes);
  EXPECT_EQ(&store->traits(), &inner->traits());
  EXPECT_EQ(store->label(), inner->label());

  inner->Hold(StoreOp::kFlush);
  TestCall flush(StoreOp::kFlush, 0, nullptr);
  store->Submit(&flush);
  PendingCall oldest;
  EXPECT_TRUE(store->OldestCall(&oldest));
  EXPECT_EQ(oldest.op, StoreOp::kFlush);
  EXPECT_EQ(flush.times(), 0);
  inner->LetGo(StoreOp::kFlush);
  EXPECT_OK(flush.Wait().status);
}

// Each end of a write drops the store, as a region that closes does.
class LastCall final : public StoreCall {
 public:
  explicit LastCall(std::shared_ptr<Store> store) : store_(std::move(store)) {
    op = StoreOp::kWrite;
    byte_length = source_.size();
    iovecs.push_back({source_.data(), source_.size()});
  }
  void Done(StoreResult result) override {
    const Status status = std::move(result.status);
    store_.reset();
    ended_ok = status.ok();
    ended.Set();
  }

  std::atomic<bool> ended_ok = false;
  Signal ended;

 private:
  Bytes source_ = Bytes(8, 3);
  std::shared_ptr<Store> store_;
};

TEST(who_is_told_of_the_end_may_drop_the_store) {
  auto store = MakeCommittingStore(std::make_shared<ForgetfulStore>(8));
  Store& submitted = *store;
  LastCall call(std::move(store));
  submitted.Submit(&call);
  call.ended.Take();
  EXPECT_TRUE(call.ended_ok);
}

TEST(a_store_that_answers_at_once_is_not_entered_ever_deeper) {
  // One thread's flush goes on while others add to it: each round must end before the next.
  const auto inner = std::make_shared<ForgetfulStore>(8);
  const auto store = MakeCommittingStore(inner);
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (uint64_t slot = 0; slot < 4; slot++) {
    writers.emplace_back([&, slot] {
      for (uint64_t round = 0; round < 20'000 && !stop; round++) {
        Bytes source(8, static_cast<uint8_t>(round));
        TestCall write(StoreOp::kWrite, slot * 8, &source);
        store->Submit(&write);
        if (!write.Wait().status.ok()) stop = true;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_FALSE(stop.load());
}

TEST(a_store_that_is_killed_has_forgotten_nothing_that_was_accepted) {
  constexpr size_t kWriters = 4;
  std::mt19937_64 random(test::Seed());
  for (int round = 0; round < 100; round++) {
    const auto inner = std::make_shared<ForgetfulStore>(kWriters);
    const auto store = MakeCommittingStore(inner);
    std::atomic<uint64_t> writes = 0;
    uint64_t accepted[kWriters] = {};
    std::vector<std::thread> writers;
    for (size_t slot = 0; slot < kWriters; slot++) {
      writers.emplace_back([&, slot] {
        for (uint64_t value = 1;; value++) {
          Bytes source(8);
          std::memcpy(source.data(), &value, 8);
          TestCall write(StoreOp::kWrite, slot * 8, &source);
          store->Submit(&write);
          if (!write.Wait().status.ok()) return;
          accepted[slot] = value;
          writes++;
        }
      });
    }
    const uint64_t kill_after = random() % 200;
    while (writes < kill_after) std::this_thread::yield();
    inner->Kill();
    for (std::thread& writer : writers) writer.join();
    for (size_t slot = 0; slot < kWriters; slot++) {
      EXPECT_GE(inner->Durable(slot), accepted[slot]);
    }
  }
}

}  // namespace
}  // namespace umap
