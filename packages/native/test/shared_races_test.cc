// Interleavings that a page must survive which clients map, each forced by a stop in the pipeline
// or by a store that holds a call. See docs/page-states.md, "Pages that clients share".
#include <sys/mman.h>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/scripted_store.h"
#include "test/shared_fixture.h"
#include "test/stops.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 65536;

// Pages that no answer maps around another one. Two clients that write, and one that reads.
struct Scene {
  explicit Scene(uint64_t budget_pages = 32, const ScriptedOptions& options = {})
      : store(std::make_shared<ScriptedStore>(64 * kPage, options)),
        region(store, 64 * kPage, BufferOf(budget_pages * kPage),
               {.page_bytes = kPage, .read_ahead_pages_max = 0}),
        one(region, true, 1),
        two(region, true, 2),
        reader(region, false, 3) {}

  uint64_t stored(PageIndex page) { return store->Word(page * kPage); }
  PageState StateOf(PageIndex page) const { return WordOf(region.region(), page).state(); }
  static uint64_t Original(PageIndex page) { return ScriptedStore::WordAt(page * kPage); }
  static void AwaitWaiting(const LocalClient& client, uint32_t count = 1) {
    AwaitThat("threads of a client wait", [&] { return client.mapping().waiting() == count; });
  }

  static uint64_t Read(const LocalClient& client, uint64_t offset) { return client.word(offset); }

  std::shared_ptr<ScriptedStore> store;
  SharedRegion region;
  LocalClient one, two, reader;
};

TEST(a_write_during_the_write_back_keeps_the_page_dirty) {
  Scene scene;
  scene.one.word(3 * kPage) = 1;
  EXPECT_EQ(scene.two.word(3 * kPage), 1u);
  scene.store->Hold(StoreOp::kWrite);
  Status flushed;
  Aside flush([&] { flushed = scene.region.Flush(); });
  scene.store->AwaitCalls(StoreOp::kWrite, 1);
  // Of the client that had the right, and of one that never had it.
  scene.one.word(3 * kPage) = 2;
  EXPECT_TRUE(WordOf(scene.region.region(), 3).Has(kRewritten));
  scene.two.word(3 * kPage + 8) = 3;
  EXPECT_TRUE(scene.StateOf(3) == PageState::kWritingBack);
  scene.store->LetGo(StoreOp::kWrite);
  flush.Join();
  EXPECT_OK(flushed);
  EXPECT_EQ(scene.stored(3), 1u);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 2u);
  EXPECT_EQ(scene.store->Word(3 * kPage + 8), 3u);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kClean);
}

TEST(a_write_back_waits_for_a_right_to_write_that_is_being_given) {
  Scene scene;
  EXPECT_EQ(scene.one.word(3 * kPage), Scene::Original(3));
  std::unique_ptr<Aside> write, flush;
  {
    Stop give("before-give-write");
    write = std::make_unique<Aside>([&] { scene.one.word(3 * kPage) = 5; });
    // The page is dirty, and the right is decided on.
    give.AwaitArrival();
    EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
    flush = std::make_unique<Aside>([&] { CHECK(scene.region.Flush().ok()); });
    AwaitState(scene.region.region(), 3, PageState::kWritingBack);
    EXPECT_EQ(scene.store->CallsOf(StoreOp::kWrite), 0u);
  }
  flush->Join();
  write->Join();
  // Whether the write came before the protection or faulted again, it is not lost.
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 5u);
  scene.one.word(3 * kPage) = 6;
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
}

TEST(an_eviction_waits_for_a_right_that_is_being_given) {
  Scene scene;
  EXPECT_EQ(scene.one.word(3 * kPage), Scene::Original(3));
  uint64_t seen = 0;
  std::atomic<bool> punched{false};
  SetTestPoint("before-punch", [&] { punched = true; });
  std::unique_ptr<Aside> read, evict;
  {
    Stop give("before-give");
    read = std::make_unique<Aside>([&] { seen = scene.two.word(3 * kPage); });
    give.AwaitArrival();
    evict = std::make_unique<Aside>([&] {
      CHECK(scene.region.Evict({3 * kPage, kPage}).ok());
    });
    AwaitState(scene.region.region(), 3, PageState::kEvicting);
    // The hole cannot be punched before the right is given. An evictor that did not wait would have
    // come there long before these faults are answered.
    for (PageIndex page = 20; page < 40; page++) Scene::Read(scene.reader, page * kPage);
    EXPECT_TRUE(!punched);
  }
  read->Join();
  EXPECT_EQ(seen, Scene::Original(3));
  evict->Join();
  SetTestPoint("before-punch", {});
  EXPECT_TRUE(punched);
  // The thread may have come too late, and have asked again.
  EXPECT_OK(scene.region.Evict({3 * kPage, kPage}));
  scene.store->Hold(StoreOp::kRead);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kAbsent);
  // It is mapped nowhere now: who touches it waits for the store.
  Aside again([&] { seen = scene.two.word(3 * kPage) + 1; });
  scene.store->AwaitCalls(StoreOp::kRead, 1);
  EXPECT_TRUE(!again.done());
  scene.store->LetGo(StoreOp::kRead);
  again.Join();
  EXPECT_EQ(seen, Scene::Original(3) + 1);
}

TEST(a_fault_on_a_page_that_is_being_evicted_is_answered_when_it_has_left) {
  for (const bool writes : {false, true}) {
    Scene scene;
    EXPECT_EQ(scene.one.word(3 * kPage), Scene::Original(3));
    Stop punch("before-punch");
    Aside evict([&] { CHECK(scene.region.Evict().ok()); });
    punch.AwaitArrival();
    uint64_t seen = 0;
    Aside touch([&] {
      if (writes) scene.two.word(3 * kPage + 8) = 9;
      seen = scene.two.word(3 * kPage);
    });
    AwaitFlag(scene.region.region(), 3, kWaiters);
    punch.Open();
    touch.Join();
    evict.Join();
    EXPECT_EQ(seen, Scene::Original(3));
    EXPECT_TRUE(scene.StateOf(3) == (writes ? PageState::kDirty : PageState::kClean));
    Scene::AwaitWaiting(scene.two, 0);
  }
}

TEST(a_page_that_many_wait_for_is_filled_once) {
  Scene scene;
  scene.store->Hold(StoreOp::kRead);
  std::atomic<uint32_t> right{0};
  std::vector<std::unique_ptr<Aside>> threads;
  for (LocalClient* client : {&scene.one, &scene.two, &scene.reader}) {
    for (int i = 0; i < 3; i++) {
      threads.push_back(std::make_unique<Aside>([&, client] {
        right += client->word(7 * kPage + 8) == ScriptedStore::WordAt(7 * kPage + 8);
      }));
    }
    threads.push_back(std::make_unique<Aside>([client] { client->word(7 * kPage) = 1; }));
  }
  for (LocalClient* client : {&scene.one, &scene.two, &scene.reader}) {
    Scene::AwaitWaiting(*client, 4);
  }
  scene.store->LetGo(StoreOp::kRead);
  for (const auto& thread : threads) thread->Join();
  EXPECT_EQ(right.load(), 9u);
  EXPECT_EQ(scene.store->CallsOf(StoreOp::kRead), 1u);
  EXPECT_TRUE(scene.StateOf(7) == PageState::kDirty);
  for (LocalClient* client : {&scene.one, &scene.two, &scene.reader}) {
    Scene::AwaitWaiting(*client, 0);
    AwaitThat("the client's load ends", [&] { return client->served().load()->waiting() == 0; });
  }
}

TEST(a_write_that_comes_while_a_read_fills_the_page_is_let_through) {
  Scene scene;
  scene.store->Hold(StoreOp::kRead);
  uint64_t seen = 0;
  Aside read([&] { seen = scene.one.word(7 * kPage); });
  Scene::AwaitWaiting(scene.one);
  Aside write([&] { scene.two.word(7 * kPage + 8) = 4; });
  AwaitFlag(scene.region.region(), 7, kWantedForWriting);
  scene.store->LetGo(StoreOp::kRead);
  read.Join();
  write.Join();
  EXPECT_EQ(seen, Scene::Original(7));
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.store->Word(7 * kPage + 8), 4u);
}

TEST(a_waiter_that_is_listed_before_it_has_looked_is_not_forgotten) {
  Scene scene;
  scene.store->Hold(StoreOp::kRead);
  uint64_t seen = 0;
  Aside read([&] { seen = scene.one.word(7 * kPage); });
  scene.store->AwaitCalls(StoreOp::kRead, 1);
  // The second client is on the list, and has not looked at the word yet, when the page comes.
  Stop listed("before-await-page");
  uint64_t other = 0;
  Aside late([&] { other = scene.two.word(7 * kPage); });
  listed.AwaitArrival();
  scene.store->LetGo(StoreOp::kRead);
  read.Join();
  late.AwaitDone("the waiter is served by who publishes the page");
  listed.Open();
  EXPECT_EQ(seen, Scene::Original(7));
  EXPECT_EQ(other, Scene::Original(7));
}

TEST(a_client_that_leaves_while_its_page_is_filled_hurts_nobody) {
  Scene scene;
  scene.store->Hold(StoreOp::kRead);
  auto leaver = std::make_unique<LocalClient>(scene.region, false, 9);
  Aside touch([&] { Scene::Read(*leaver, 7 * kPage); });
  Scene::AwaitWaiting(*leaver);
  uint64_t seen = 0;
  Aside read([&] { seen = scene.one.word(7 * kPage); });
  Scene::AwaitWaiting(scene.one);
  leaver->served().Detach();
  touch.Join();
  EXPECT_EQ(leaver->served().load()->waiting(), 0u);
  leaver.reset();
  scene.store->LetGo(StoreOp::kRead);
  read.Join();
  EXPECT_EQ(seen, Scene::Original(7));
}

TEST(a_detach_waits_for_a_right_that_is_being_given) {
  Scene scene;
  EXPECT_EQ(scene.one.word(3 * kPage), Scene::Original(3));
  scene.store->Hold(StoreOp::kRead);
  // Page 4 is given to the client by the store's thread.
  Aside touch([&] { Scene::Read(scene.two, 4 * kPage); });
  Scene::AwaitWaiting(scene.two);
  Stop give("before-give");
  scene.store->LetGo(StoreOp::kRead);
  give.AwaitArrival();
  std::atomic<bool> detached{false};
  Aside detach([&] {
    scene.two.served().Detach();
    detached = true;
  });
  AwaitThat("the client is counted out", [&] {
    return scene.region.client_count() == 2;
  });
  EXPECT_TRUE(!detached);
  give.Open();
  detach.Join();
  touch.Join();
}

// The thread that waits does so in a system call: after the move its address is nobody's.
TEST(a_mapping_that_moves_during_a_fault_is_served_at_its_new_place) {
  Scene scene;
  scene.one.word(5 * kPage) = 77;
  scene.store->Hold(StoreOp::kRead);
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd out(ends[0]), in(ends[1]);
  ssize_t written = 0;
  int error = 0;
  uint8_t* const before = scene.one.data();
  Aside call([&] {
    written = write(in.get(), before + 7 * kPage, 8);
    error = errno;
  });
  Scene::AwaitWaiting(scene.one);
  scene.one.memory().MoveAway();
  call.Join();
  EXPECT_EQ(written, -1);
  EXPECT_EQ(error, EFAULT);
  EXPECT_TRUE(scene.one.data() != before);
  scene.store->LetGo(StoreOp::kRead);
  EXPECT_EQ(scene.one.word(7 * kPage), Scene::Original(7));
  EXPECT_EQ(scene.one.word(5 * kPage), 77u);
  // Rights moved with it, and are taken at the new place.
  EXPECT_OK(scene.region.Flush());
  scene.one.word(5 * kPage) = 78;
  EXPECT_TRUE(scene.StateOf(5) == PageState::kDirty);
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(scene.one.word(5 * kPage), 78u);
}

TEST(a_page_that_cannot_be_protected_stays_dirty) {
  Scene scene;
  scene.one.word(5 * kPage) = 1;
  // Nobody reads that the client drops a page, so nothing in its memory can be changed.
  std::unique_ptr<ServedClient::Deaf> deaf = scene.one.served().StopReading();
  Aside drop([&] { CHECK(madvise(scene.one.data() + 9 * kPage, kPage, MADV_DONTNEED) == 0); });
  AwaitThat("the client waits for its monitor", [&] { return scene.one.served().HasMessages(); });
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(5), 1u);
  EXPECT_TRUE(scene.StateOf(5) == PageState::kDirty);
  scene.one.word(5 * kPage) = 2;
  deaf.reset();
  drop.Join();
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(5), 2u);
  EXPECT_TRUE(scene.StateOf(5) == PageState::kClean);
}

TEST(a_fault_of_a_client_whose_memory_changes_is_asked_again) {
  Scene scene;
  EXPECT_EQ(scene.one.word(5 * kPage), Scene::Original(5));
  std::unique_ptr<ServedClient::Deaf> deaf = scene.two.served().StopReading();
  uint64_t seen = 0;
  Aside read([&] { seen = scene.two.word(5 * kPage); });
  AwaitThat("the fault is there", [&] { return scene.two.served().HasMessages(); });
  Aside drop([&] { CHECK(madvise(scene.two.data() + 9 * kPage, kPage, MADV_DONTNEED) == 0); });
  // The fault is answered before the event is read: in vain, and the thread asks again.
  drop.AwaitSleep();
  deaf.reset();
  read.Join();
  drop.Join();
  EXPECT_EQ(seen, Scene::Original(5));
}

}  // namespace
}  // namespace umap::test
