// Interleavings that a page must survive, each forced by a stop in the pipeline or by a store that
// holds a call. See docs/page-states.md for what must hold.
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWordsPerPage = kPage / 8;

// A writable region of 64 pages over a scripted store that answers from its own thread.
struct Scene {
  explicit Scene(uint64_t budget_pages = 32, const ScriptedOptions& options = {},
                 int64_t read_ahead_pages_max = 0)
      : store(std::make_shared<ScriptedStore>(64 * kPage, options)),
        region(store, 64 * kPage, BufferOf(budget_pages * kPage),
               {.page_bytes = kPage, .read_ahead_pages_max = read_ahead_pages_max}) {}

  volatile uint64_t& word(PageIndex page) { return region.words()[page * kWordsPerPage]; }
  uint64_t stored(PageIndex page) { return store->Word(page * kPage); }
  PageState StateOf(PageIndex page) const { return WordOf(region.region(), page).state(); }
  // The third fault in a row reads ahead, from page 3 on, and the store sits on all of it.
  void ReadAheadHeld() {
    for (PageIndex page = 0; page < 3; page++) {
      if (page == 2) store->Hold(StoreOp::kRead);
      CHECK(word(page) == Original(page));
    }
  }
  static uint64_t Original(PageIndex page) { return ScriptedStore::WordAt(page * kPage); }

  std::shared_ptr<ScriptedStore> store;
  Mapped region;
};

TEST(a_write_after_the_protection_and_before_the_answer_keeps_the_page_dirty) {
  for (const bool accepted : {true, false}) {
    Scene scene;
    scene.word(3) = 1;
    scene.store->Hold(StoreOp::kWrite);
    if (!accepted) {
      scene.store->SetScript([](StoreOp op, uint64_t, uint64_t) {
        return op == StoreOp::kWrite ? Status::Fail(EIO, "no") : Status::Ok();
      });
    }
    Status flushed;
    Aside flush([&] { flushed = scene.region.Flush(); });
    scene.store->AwaitCalls(StoreOp::kWrite, 1);
    scene.word(3) = 2;
    AwaitFlag(scene.region.region(), 3, kRewritten);
    scene.store->LetGo(StoreOp::kWrite);
    flush.Join();
    EXPECT_EQ(flushed.error, accepted ? 0 : EIO);
    EXPECT_EQ(scene.stored(3), accepted ? 1 : Scene::Original(3));
    EXPECT_EQ(scene.region.stats().dirty_bytes, kPage);
    scene.store->SetScript({});
    EXPECT_OK(scene.region.Evict());
    EXPECT_EQ(scene.stored(3), 2u);
    EXPECT_EQ(scene.word(3), 2u);
  }
}

TEST(a_protection_that_is_being_lifted_when_the_write_back_ends_is_waited_for) {
  Scene scene;
  scene.word(3) = 1;
  scene.store->Hold(StoreOp::kWrite);
  Aside flush([&] { CHECK(scene.region.Flush().ok()); });
  scene.store->AwaitCalls(StoreOp::kWrite, 1);
  Stop lifting("before-unprotect");
  Aside writer([&] { scene.word(3) = 2; });
  lifting.AwaitArrival();
  AwaitFlag(scene.region.region(), 3, kRewriting);
  // 1. The write-back ends first, and leaves the page to the lifting.
  scene.store->LetGo(StoreOp::kWrite);
  flush.AwaitDone("the first flush ends");
  EXPECT_EQ(scene.StateOf(3), PageState::kDirtying);
  // 2. A second write-back right behind it cannot overtake the lifting.
  Aside second([&] { CHECK(scene.region.Flush().ok()); });
  AwaitThat("the second flush waits", [&] { return scene.region.region()->watchers.load() > 0; });
  EXPECT_FALSE(writer.done());
  EXPECT_EQ(scene.store->CallsOf(StoreOp::kWrite), 1u);
  lifting.Open();
  writer.AwaitDone("the writer goes on");
  second.Join();
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 2u);
}

TEST(a_lifting_that_the_protection_overtook_is_repeated) {
  Scene scene;
  // 1. A refused write-back leaves a page that is dirty and protected.
  scene.word(3) = 1;
  scene.store->SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kWrite ? Status::Fail(EIO, "no") : Status::Ok();
  });
  EXPECT_EQ(scene.region.Flush().error, EIO);
  scene.store->SetScript({});
  scene.store->Hold(StoreOp::kWrite);
  // 2. The next one has claimed the page, and protects it after a write lifted the protection.
  Stop protecting("before-write-back");
  Aside flush([&] { CHECK(scene.region.Flush().ok()); });
  protecting.AwaitArrival();
  scene.word(3) = 2;
  AwaitFlag(scene.region.region(), 3, kRewritten);
  protecting.Open();
  scene.store->AwaitCalls(StoreOp::kWrite, 1);
  // 3. A write must not have to wait for the store.
  Aside writer([&] { scene.word(3) = 3; });
  writer.AwaitDone("a write goes on while the store is busy");
  scene.store->LetGo(StoreOp::kWrite);
  flush.Join();
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 3u);
}

TEST(a_fault_on_a_page_that_is_being_evicted_gets_its_bytes_back) {
  for (const char* point : {"before-evict-move", "after-evict-move"}) {
    for (const bool write : {false, true}) {
      Scene scene;
      scene.word(3) = 7;
      EXPECT_OK(scene.region.Flush());
      Stop moving(point);
      Aside evict([&] { CHECK(scene.region.Evict().ok()); });
      moving.AwaitArrival();
      uint64_t seen = 0;
      Aside thread([&] {
        if (write) {
          scene.region.words()[3 * kWordsPerPage + 1] = 9;
        } else {
          seen = scene.word(3);
        }
      });
      // Before the move the page is there: a read needs no fault.
      const bool faults = write || std::string(point) == "after-evict-move";
      if (faults) {
        AwaitFlag(scene.region.region(), 3, kWaiters);
        EXPECT_FALSE(thread.done());
      }
      moving.Open();
      thread.AwaitDone("the fault is answered");
      evict.Join();
      EXPECT_EQ(scene.word(3), 7u);
      if (!write) EXPECT_EQ(seen, 7u);
      if (write) EXPECT_EQ(scene.region.words()[3 * kWordsPerPage + 1], 9u);
    }
  }
}

TEST(a_write_to_a_page_that_is_being_filled_for_reading_marks_it_dirty) {
  Scene scene;
  uint64_t seen = 0;
  Stop mapped("after-map");
  auto& word = *reinterpret_cast<std::atomic<uint64_t>*>(scene.region.data() + 3 * kPage);
  Aside reader([&] { seen = word; });
  mapped.AwaitArrival();
  // The page is there, its word does not say so yet: a write faults on a page in state filling.
  Aside writer([&] { word = 5; });
  // Who answers its own fault waits, and then tries to write again.
  AwaitFlag(scene.region.region(), 3, ReadsMessages() ? kWantedForWriting : kWanted);
  EXPECT_FALSE(writer.done());
  mapped.Open();
  writer.AwaitDone("the write goes on");
  reader.Join();
  EXPECT_TRUE(seen == Scene::Original(3) || seen == 5);
  EXPECT_EQ(scene.region.stats().dirty_bytes, kPage);
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 5u);
}

TEST(faults_of_many_threads_on_one_page_are_one_fill) {
  Scene scene;
  scene.store->Hold(StoreOp::kRead);
  std::vector<std::unique_ptr<Aside>> threads;
  for (int i = 0; i < 6; i++) {
    threads.push_back(std::make_unique<Aside>([&, i] {
      if (i % 2) {
        CHECK(scene.word(9) == Scene::Original(9));
      } else {
        scene.region.words()[9 * kWordsPerPage + 1 + i] = 1;
      }
    }));
  }
  for (auto& thread : threads) thread->AwaitFault();
  scene.store->LetGo(StoreOp::kRead);
  for (auto& thread : threads) thread->AwaitDone("every thread goes on");
  EXPECT_EQ(scene.store->CallsOf(StoreOp::kRead), 1u);
}

TEST(a_fault_on_a_page_in_read_ahead_is_answered_by_that_fill) {
  for (const bool write : {false, true}) {
    Scene scene(60, {}, 8);
    Aside first([&] { scene.ReadAheadHeld(); });
    AwaitState(scene.region.region(), 3, PageState::kFilling);
    Aside second([&] {
      if (write) {
        scene.word(3) = 3;
      } else {
        CHECK(scene.word(3) == Scene::Original(3));
      }
    });
    AwaitFlag(scene.region.region(), 3, kWanted);
    scene.store->LetGo(StoreOp::kRead);
    first.AwaitDone("the fault is answered");
    second.AwaitDone("the fault on a page that is read ahead is answered");
    if (write) EXPECT_EQ(scene.word(3), 3u);
    EXPECT_NE(scene.StateOf(3), PageState::kStandby);
  }
}

TEST(read_ahead_that_fails_is_asked_for_again_by_who_wants_the_page) {
  Scene scene(60, {}, 8);
  std::atomic<int> refusals{2};
  scene.store->SetScript([&](StoreOp op, uint64_t offset, uint64_t) {
    const bool refuse = op == StoreOp::kRead && offset >= 3 * kPage && refusals-- > 0;
    return refuse ? Status::Fail(EIO, "no") : Status::Ok();
  });
  Aside first([&] { scene.ReadAheadHeld(); });
  AwaitState(scene.region.region(), 3, PageState::kFilling);
  Aside second([&] { CHECK(scene.word(3) == Scene::Original(3)); });
  AwaitFlag(scene.region.region(), 3, kWanted);
  scene.store->LetGo(StoreOp::kRead);
  first.AwaitDone("the first fault is answered");
  second.AwaitDone("the page is asked for again");
}

TEST(a_pin_waits_for_an_eviction_under_way_and_holds_the_page) {
  Scene scene;
  scene.word(3) = 7;
  EXPECT_OK(scene.region.Flush());
  Stop moving("after-evict-move");
  Aside evict([&] { CHECK(scene.region.Evict().ok()); });
  moving.AwaitArrival();
  Status pinned;
  Aside pin([&] { pinned = Pin(scene.region.region(), {3 * kPage, kPage}); });
  AwaitThat("the pin waits", [&] { return scene.region.region()->watchers.load() > 0; });
  moving.Open();
  pin.AwaitDone("the pin is done");
  evict.Join();
  EXPECT_OK(pinned);
  EXPECT_OK(scene.region.Evict());
  const uint64_t faults = scene.region.stats().faults;
  EXPECT_EQ(scene.word(3), 7u);
  EXPECT_EQ(scene.region.stats().faults, faults);
  Unpin(scene.region.region(), {3 * kPage, kPage});
}

TEST(a_page_that_is_unpinned_during_its_write_back_stays_dirty) {
  Scene scene;
  EXPECT_OK(Pin(scene.region.region(), {3 * kPage, kPage}));
  scene.word(3) = 1;
  scene.store->Hold(StoreOp::kWrite);
  Aside flush([&] { CHECK(scene.region.Flush().ok()); });
  scene.store->AwaitCalls(StoreOp::kWrite, 1);
  // Who pinned it for system calls may have left it open: this write raises no fault.
  Unpin(scene.region.region(), {3 * kPage, kPage});
  scene.word(3) = 2;
  scene.store->LetGo(StoreOp::kWrite);
  flush.Join();
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(scene.stored(3), 2u);
  EXPECT_EQ(scene.word(3), 2u);
}

TEST(faults_on_a_range_that_is_being_discarded_see_the_hole) {
  for (const bool can_discard : {true, false}) {
    Scene scene(32, {.can_discard = can_discard});
    scene.word(3) = 7;
    Stop discarding("before-discard");
    Aside discard([&] { CHECK(scene.region.Discard({2 * kPage, 4 * kPage}).ok()); });
    discarding.AwaitArrival();
    Aside reader([&] { CHECK(scene.word(3) == 0); });
    Aside writer([&] { scene.word(4) = 9; });
    AwaitFlag(scene.region.region(), 3, kWaiters);
    AwaitFlag(scene.region.region(), 4, kWaiters);
    discarding.Open();
    reader.AwaitDone("the reader goes on");
    writer.AwaitDone("the writer goes on");
    discard.Join();
    EXPECT_EQ(scene.word(4), 9u);
    EXPECT_EQ(scene.region.words()[4 * kWordsPerPage + 1], 0u);
    EXPECT_OK(scene.region.Flush());
    EXPECT_EQ(scene.stored(4), 9u);
    EXPECT_EQ(scene.stored(3), 0u);
    EXPECT_EQ(scene.word(1), Scene::Original(1));
    EXPECT_EQ(scene.word(6), Scene::Original(6));
  }
}

TEST(a_discard_waits_for_a_write_back_under_way) {
  Scene scene;
  scene.word(3) = 7;
  scene.store->Hold(StoreOp::kWrite);
  Aside flush([&] { CHECK(scene.region.Flush().ok()); });
  scene.store->AwaitCalls(StoreOp::kWrite, 1);
  Aside discard([&] { CHECK(scene.region.Discard({3 * kPage, kPage}).ok()); });
  AwaitThat("the discard waits", [&] { return scene.region.region()->watchers.load() > 0; });
  EXPECT_EQ(scene.store->CallsOf(StoreOp::kDiscard), 0u);
  scene.store->LetGo(StoreOp::kWrite);
  flush.Join();
  discard.Join();
  EXPECT_EQ(scene.word(3), 0u);
  EXPECT_EQ(scene.stored(3), 0u);
}

TEST(a_flush_waits_for_a_write_back_that_another_began) {
  for (const bool rewritten : {false, true}) {
    Scene scene;
    scene.word(3) = 1;
    scene.store->Hold(StoreOp::kWrite);
    Aside evict([&] { CHECK(scene.region.Evict().ok()); });
    scene.store->AwaitCalls(StoreOp::kWrite, 1);
    if (rewritten) scene.word(3) = 2;
    Aside flush([&] { CHECK(scene.region.Flush().ok()); });
    AwaitThat("the flush waits", [&] { return scene.region.region()->watchers.load() > 0; });
    EXPECT_FALSE(flush.done());
    EXPECT_EQ(scene.store->CallsOf(StoreOp::kFlush), 0u);
    scene.store->LetGo(StoreOp::kWrite);
    flush.AwaitDone("the flush is done");
    evict.Join();
    EXPECT_EQ(scene.stored(3), rewritten ? 2u : 1u);
  }
}

TEST(a_close_waits_for_read_ahead_in_flight) {
  Scene scene(60, {}, 8);
  // The store sits on what is read ahead, after the page that a thread waits for.
  scene.store->SetScript([&](StoreOp op, uint64_t offset, uint64_t) {
    if (op == StoreOp::kRead && offset == 2 * kPage) scene.store->HoldFromScript(StoreOp::kRead);
    return Status::Ok();
  });
  Aside first([&] {
    for (PageIndex page = 0; page < 3; page++) CHECK(scene.word(page) == Scene::Original(page));
  });
  first.AwaitDone("the fault is answered");
  AwaitState(scene.region.region(), 3, PageState::kFilling);
  Aside close([&] { CHECK(scene.region.Close().ok()); });
  AwaitThat("the close waits for the fill", [&] {
    return scene.store->CallsOf(StoreOp::kFlush) == 1;
  });
  EXPECT_FALSE(close.done());
  scene.store->LetGo(StoreOp::kRead);
  close.AwaitDone("the region is closed");
}

TEST(prefault_takes_over_a_page_that_read_ahead_gave_up) {
  Scene scene(60, {}, 8);
  std::atomic<int> refusals{1};
  scene.store->SetScript([&](StoreOp op, uint64_t offset, uint64_t) {
    const bool refuse = op == StoreOp::kRead && offset >= 3 * kPage && refusals-- > 0;
    return refuse ? Status::Fail(EIO, "no") : Status::Ok();
  });
  Aside first([&] { scene.ReadAheadHeld(); });
  AwaitState(scene.region.region(), 3, PageState::kFilling);
  Status status;
  Aside prefault([&] { status = scene.region.Prefault({3 * kPage, kPage}); });
  AwaitFlag(scene.region.region(), 3, kWanted);
  scene.store->LetGo(StoreOp::kRead);
  prefault.AwaitDone("the prefault is done");
  EXPECT_OK(status);
  EXPECT_EQ(scene.word(3), Scene::Original(3));
}

TEST(one_region_closes_while_another_shares_its_buffer) {
  const auto buffer = BufferOf(24 * kPage);
  const DataFile busy_file(256 * kPage);
  Mapped busy(busy_file, buffer, {.page_bytes = kPage});
  std::atomic<bool> done{false};
  std::vector<std::unique_ptr<Aside>> threads;
  for (int t = 0; t < 2; t++) {
    threads.push_back(std::make_unique<Aside>([&, t] {
      std::mt19937_64 random(Seed() + static_cast<uint64_t>(t));
      auto* words = reinterpret_cast<std::atomic<uint64_t>*>(busy.data());
      while (!done) words[random() % 256 * kWordsPerPage + static_cast<uint64_t>(t)].fetch_add(1);
    }));
  }
  for (int i = 0; i < 60; i++) {
    const DataFile file(64 * kPage);
    Mapped region(file, buffer, {.page_bytes = i % 2 ? kPage : 2 * kPage});
    for (uint64_t page = 0; page < 64; page++) region.words()[page * kWordsPerPage] = page + 1;
    CHECK(region.Close().ok());
    uint64_t wrong = 0;
    for (uint64_t page = 0; page < 64; page++) wrong += file.Read(page * kPage) != page + 1;
    EXPECT_EQ(wrong, 0u);
  }
  done = true;
}

}  // namespace
}  // namespace umap::test
