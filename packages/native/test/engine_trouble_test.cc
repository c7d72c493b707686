// A store in trouble: reads and writes that are refused, for a while or for good, and calls that
// are never answered. Nothing that was written is lost, no wrong byte is shown, no hang is silent.
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/touch.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWordsPerPage = kPage / 8;
constexpr uint64_t kPages = 64;

// Refuses calls of one kind that touch [offset, offset + bytes).
ScriptedStore::Script Refuse(StoreOp refused, Status status, uint64_t begin = 0,
                             uint64_t end = UINT64_MAX) {
  return [=](StoreOp op, uint64_t offset, uint64_t byte_length) {
    const bool hit =
        op == refused && (op == StoreOp::kFlush || (offset < end && offset + byte_length > begin));
    return hit ? status : Status::Ok();
  };
}

// What a region told.
class Events {
 public:
  explicit Events(const std::shared_ptr<Region>& region) : region_(region) {
    subscription_ = Subscribe(*region_, [this](const RegionEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    });
  }
  ~Events() { Unsubscribe(*region_, subscription_); }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  std::vector<RegionEvent> Of(EventKind kind) {
    const std::lock_guard lock(mutex_);
    std::vector<RegionEvent> found;
    for (const RegionEvent& event : events_) {
      if (event.kind == kind) found.push_back(event);
    }
    return found;
  }

 private:
  const std::shared_ptr<Region> region_;
  uint64_t subscription_ = 0;
  std::mutex mutex_;
  std::vector<RegionEvent> events_;
};

struct Scene {
  explicit Scene(const ScriptedOptions& options = {}, const MapOptions& map = {},
                 uint64_t budget_pages = 32)
      : store(std::make_shared<ScriptedStore>(kPages * kPage, options)),
        region(store, kPages * kPage, BufferOf(budget_pages * kPage), map),
        events(region.region()) {}
  ~Scene() {
    store->SetScript({});
    for (StoreOp op : {StoreOp::kRead, StoreOp::kWrite, StoreOp::kFlush}) store->LetGo(op);
  }

  volatile uint64_t& word(PageIndex page) { return region.words()[page * kWordsPerPage]; }
  uint64_t stored(PageIndex page) { return store->Word(page * kPage); }
  static uint64_t Original(uint64_t page) { return ScriptedStore::WordAt(page * kPage); }

  CapturedStderr log;
  std::shared_ptr<ScriptedStore> store;
  Mapped region;
  Events events;
};

const ScriptedOptions kStyles[] = {{.blocking = false}, {.blocking = true}};

TEST(a_read_that_may_be_repeated_is_repeated_until_it_succeeds) {
  for (const ScriptedOptions& options : kStyles) {
    Scene scene(options);
    std::atomic<int> refusals{3};
    scene.store->SetScript([&](StoreOp op, uint64_t, uint64_t) {
      const bool refuse = op == StoreOp::kRead && refusals-- > 0;
      return refuse ? Status::Retry(EIO, "try again") : Status::Ok();
    });
    EXPECT_EQ(scene.word(5), Scene::Original(5));
    EXPECT_EQ(scene.region.stats().store_errors, 3u);
    EXPECT_EQ(scene.events.Of(EventKind::kFillError).size(), 0u);
  }
}

TEST(a_page_that_cannot_be_read_is_an_error_for_whoever_touches_it_until_prefault_heals_it) {
  const SigbusCaught caught;
  for (const ScriptedOptions& options : kStyles) {
    for (const bool writable : {true, false}) {
      Scene scene(options, {.writable = writable});
      scene.store->SetScript(Refuse(StoreOp::kRead, Status::Fail(EIO, "bad sector"), 5 * kPage,
                                    6 * kPage));
      // 1. The first touch, later ones, and system calls see an error.
      EXPECT_EQ(ReadBySystemCall(&scene.word(5)), EFAULT);
      uint64_t seen = 0;
      EXPECT_FALSE(Touch(&scene.word(5), &seen));
      EXPECT_EQ(ReadBySystemCall(&scene.word(5)), EFAULT);
      EXPECT_EQ(seen, 0u);
      EXPECT_EQ(scene.word(4), Scene::Original(4));
      EXPECT_EQ(scene.word(6), Scene::Original(6));
      // 2. Those who listen are told which page and why.
      const auto events = scene.events.Of(EventKind::kFillError);
      EXPECT_EQ(events.size(), 1u);
      EXPECT_EQ(events[0].offset, 5 * kPage);
      EXPECT_EQ(events[0].status.error, EIO);
      AwaitThat("the trouble is on standard error", [&] { return scene.log.Has("bad sector"); });
      // 3. A prefault says the same, and heals the page when the store is well again.
      EXPECT_EQ(scene.region.Prefault({4 * kPage, 3 * kPage}).message, "bad sector");
      EXPECT_EQ(ReadBySystemCall(&scene.word(5)), EFAULT);
      scene.store->SetScript({});
      EXPECT_OK(scene.region.Prefault({4 * kPage, 3 * kPage}));
      EXPECT_EQ(scene.word(5), Scene::Original(5));
      if (!writable) continue;
      scene.word(5) = 55;
      EXPECT_OK(scene.region.Flush());
      EXPECT_EQ(scene.stored(5), 55u);
    }
  }
}

TEST(the_neighbours_of_one_bad_page_are_filled_by_prefault) {
  for (const ScriptedOptions& options : kStyles) {
    Scene scene(options, {.read_ahead_pages_max = 0}, 64);
    scene.store->SetScript(Refuse(StoreOp::kRead, Status::Fail(EIO, "bad sector"), 5 * kPage,
                                  6 * kPage));
    EXPECT_EQ(scene.region.Prefault({0, 16 * kPage}).error, EIO);
    EXPECT_EQ(scene.region.stats().resident_bytes, 15 * kPage);
    const uint64_t faults = scene.region.stats().faults;
    for (PageIndex page = 0; page < 16; page++) {
      if (page != 5) EXPECT_EQ(scene.word(page), Scene::Original(page));
    }
    EXPECT_EQ(scene.region.stats().faults, faults);
    // Nobody touched it yet, so it is no error for a touch that comes when the store is well.
    scene.store->SetScript({});
    EXPECT_EQ(scene.word(5), Scene::Original(5));
  }
}

TEST(a_write_that_waits_while_its_page_is_evicted_sees_that_it_cannot_be_read_again) {
  SKIP_IF(!ReadsMessages(), kNoMessages);
  const SigbusCaught caught;
  Scene scene({}, {.read_ahead_pages_max = 0});
  EXPECT_EQ(scene.word(5), Scene::Original(5));
  // 1. A write faults on the protected page, and its message waits.
  auto message = std::make_unique<Stop>("fault-read");
  std::atomic<bool> wrote{false};
  Aside writer([&] {
    const uint64_t value = 7;
    wrote = Touch(&scene.word(5), nullptr, &value);
  });
  message->AwaitArrival();
  // 2. Meanwhile the page leaves, and a prefault that will fail brings it back.
  EXPECT_OK(scene.region.Evict());
  scene.store->SetScript(Refuse(StoreOp::kRead, Status::Fail(EIO, "bad sector")));
  scene.store->Hold(StoreOp::kRead);
  Status status;
  Aside prefault([&] { status = scene.region.Prefault({5 * kPage, kPage}); });
  AwaitState(scene.region.region(), 5, PageState::kFilling);
  message->Open();
  AwaitFlag(scene.region.region(), 5, kWantedForWriting);
  scene.store->LetGo(StoreOp::kRead);
  prefault.AwaitDone("the prefault ends");
  writer.AwaitDone("the writer is told");
  EXPECT_EQ(status.error, EIO);
  EXPECT_FALSE(wrote.load());
}

TEST(a_prefault_is_told_when_an_evict_drops_the_standby_page_it_waits_for) {
  Scene scene({}, {.read_ahead_pages_max = 8}, 64);
  Aside sequence([&] {
    for (PageIndex page = 0; page < 3; page++) CHECK(scene.word(page) == Scene::Original(page));
  });
  AwaitState(scene.region.region(), 3, PageState::kStandby);
  Stop abandoning("before-abandon");
  Aside evict([&] { CHECK(scene.region.Evict({3 * kPage, kPage}).ok()); });
  abandoning.AwaitArrival();
  Aside prefault([&] { CHECK(scene.region.Prefault({3 * kPage, kPage}).ok()); });
  AwaitThat("the prefault waits", [&] { return scene.region.region()->watchers.load() > 0; });
  AwaitFlag(scene.region.region(), 3, kWanted);
  usleep(20'000);
  abandoning.Open();
  prefault.AwaitDone("the prefault goes on");
}

TEST(a_call_that_the_store_never_answers_is_named) {
  for (const ScriptedOptions& options : kStyles) {
    for (const StoreOp op : {StoreOp::kRead, StoreOp::kWrite, StoreOp::kFlush}) {
      // A store with a thread of its own knows its calls itself, whatever they are.
      if (!options.blocking && op != StoreOp::kWrite) continue;
      // Of these only a read that hangs depends on how faults are taken.
      if (IsBrief() && op != StoreOp::kRead) continue;
      Scene scene(options);
      scene.word(5) = 1;
      scene.store->Hold(op);
      Aside caller([&] {
        if (op == StoreOp::kRead) {
          CHECK(scene.word(9) == Scene::Original(9));
        } else {
          CHECK(scene.region.Flush().ok());
        }
      });
      scene.store->AwaitCalls(op, 1);
      const int64_t begin = NowNs();
      AwaitThat("the call is named on standard error",
                [&] { return scene.log.Has("scripted store has not answered a "); });
      const int64_t spent = NowNs() - begin;
      EXPECT_EQ(scene.events.Of(EventKind::kStall).size(), 1u);
      scene.store->LetGo(op);
      caller.AwaitDone("the caller goes on");
      EXPECT_LT(spent, 5'500'000'000);
    }
  }
}

TEST(a_read_on_the_touching_thread_that_never_ends_is_named) {
  SKIP_IF(ReadsMessages(), "fillers read here");
  Scene scene({.blocking = true, .waits_in_try_read = true});
  scene.store->Hold(StoreOp::kRead);
  Aside caller([&] { CHECK(scene.word(9) == Scene::Original(9)); });
  scene.store->AwaitCalls(StoreOp::kRead, 1);
  AwaitThat("the call is named on standard error",
            [&] { return scene.log.Has("scripted store has not answered a read "); });
  scene.store->LetGo(StoreOp::kRead);
  caller.AwaitDone("the caller goes on");
}

TEST(a_write_back_that_is_refused_loses_nothing) {
  for (const ScriptedOptions& options : kStyles) {
    for (const int error : {ENOSPC, EIO}) {
      Scene scene(options);
      for (PageIndex page = 3; page < 6; page++) scene.word(page) = page;
      scene.store->SetScript(Refuse(StoreOp::kWrite, Status::Retry(error, "full")));
      EXPECT_EQ(scene.region.Flush().error, error);
      EXPECT_EQ(scene.store->CallsOf(StoreOp::kFlush), 0u);
      EXPECT_EQ(scene.region.Evict().error, error);
      EXPECT_EQ(scene.region.stats().dirty_bytes, 3 * kPage);
      const auto events = scene.events.Of(EventKind::kWriteBackError);
      EXPECT_GT(events.size(), 0u);
      EXPECT_EQ(events[0].status.error, error);
      EXPECT_EQ(events[0].offset, 3 * kPage);
      scene.word(4) = 44;
      scene.store->SetScript({});
      EXPECT_OK(scene.region.Flush());
      EXPECT_EQ(scene.stored(3), 3u);
      EXPECT_EQ(scene.stored(4), 44u);
      EXPECT_EQ(scene.stored(5), 5u);
      EXPECT_EQ(scene.region.stats().dirty_bytes, 0u);
    }
  }
}

TEST(each_of_several_stores_that_hang_is_named) {
  SKIP_IF(IsBrief(), "no fault waits in it: it is the same in every way");
  Scene first({.blocking = true});
  Scene second({.blocking = true});
  std::vector<std::unique_ptr<Aside>> callers;
  for (Scene* scene : {&first, &second}) {
    scene->word(5) = 1;
    scene->store->Hold(StoreOp::kWrite);
    callers.push_back(
        std::make_unique<Aside>([scene] { CHECK(scene->region.Flush().ok()); }));
    scene->store->AwaitCalls(StoreOp::kWrite, 1);
  }
  for (Scene* scene : {&first, &second}) {
    AwaitThat("its region is told", [scene] { return scene->events.Of(EventKind::kStall).size(); });
    scene->store->LetGo(StoreOp::kWrite);
  }
  for (auto& caller : callers) caller->AwaitDone("the caller goes on");
}

TEST(a_flush_that_the_store_cannot_make_durable_fails) {
  Scene scene;
  scene.word(5) = 1;
  scene.store->SetScript(Refuse(StoreOp::kFlush, Status::Retry(EIO, "not durable")));
  EXPECT_EQ(scene.region.Flush().error, EIO);
  scene.store->SetScript({});
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(5), 1u);
}

TEST(a_close_that_fails_leaves_the_region_as_it_is) {
  Scene scene;
  scene.word(5) = 1;
  EXPECT_OK(Pin(scene.region.region(), {5 * kPage, kPage}));
  scene.store->SetScript(Refuse(StoreOp::kWrite, Status::Retry(EIO, "full")));
  EXPECT_EQ(scene.region.Close().error, EIO);
  EXPECT_EQ(scene.word(5), 1u);
  EXPECT_EQ(scene.region.stats().pinned_bytes, kPage);
  scene.word(6) = 2;
  scene.store->SetScript({});
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(5), 1u);
  EXPECT_EQ(scene.stored(6), 2u);
}

TEST(a_fault_waits_while_the_buffer_is_full_of_pages_that_the_store_refuses) {
  for (const ScriptedOptions& options : kStyles) {
    if (IsBrief() && options.blocking) continue;
    Scene scene(options, {.read_ahead_pages_max = 0}, 8);
    scene.store->SetScript(Refuse(StoreOp::kWrite, Status::Retry(ENOSPC, "full")));
    std::atomic<PageIndex> written{0};
    Aside writer([&] {
      for (PageIndex page = 0; page < 24; page++) {
        scene.word(page) = page + 1;
        written = page + 1;
      }
    });
    AwaitThat("the fault that waits is named", [&] { return scene.log.Has("wait for memory"); });
    EXPECT_FALSE(writer.done());
    EXPECT_LE(written.load(), 8u);
    scene.store->SetScript({});
    writer.AwaitDone("the writer goes on");
    EXPECT_OK(scene.region.Flush());
    for (PageIndex page = 0; page < 24; page++) EXPECT_EQ(scene.stored(page), page + 1);
  }
}

TEST(reads_that_hang_hold_up_no_page_of_another_store) {
  constexpr PageIndex kHung = 24;
  Scene hung({.blocking = true}, {.read_ahead_pages_max = 0}, kPages);
  Scene well({.blocking = true});
  hung.store->Hold(StoreOp::kRead);
  std::vector<std::unique_ptr<Aside>> readers;
  for (PageIndex page = 0; page < kHung; page++) {
    readers.push_back(std::make_unique<Aside>(
        [&hung, page] { EXPECT_EQ(hung.word(page), Scene::Original(page)); }));
  }
  // More than there are fillers in the beginning, each of which is kept by its call.
  hung.store->AwaitCalls(StoreOp::kRead, kHung);
  for (PageIndex page = 0; page < kPages; page++) {
    EXPECT_EQ(well.word(page), Scene::Original(page));
  }
  hung.store->LetGo(StoreOp::kRead);
  for (auto& reader : readers) reader->AwaitDone("the page comes at last");
}

TEST(write_backs_that_hang_hold_up_no_page_of_another_store) {
  for (const ScriptedOptions& options : kStyles) {
    const auto buffer = BufferOf(32 * kPage);
    const auto hung_store = std::make_shared<ScriptedStore>(kPages * kPage, options);
    const auto store = std::make_shared<ScriptedStore>(kPages * kPage, options);
    Mapped hung(hung_store, kPages * kPage, buffer, {.read_ahead_pages_max = 0});
    Mapped well(store, kPages * kPage, buffer, {.read_ahead_pages_max = 0});
    hung_store->Hold(StoreOp::kWrite);
    for (PageIndex page = 0; page < 20; page += 2) hung.words()[page * kWordsPerPage] = page + 1;
    Aside writer([&] {
      for (int round = 0; round < 3; round++) {
        for (PageIndex page = 0; page < kPages; page++) {
          well.words()[page * kWordsPerPage] = page + 1;
        }
      }
    });
    writer.AwaitDone("pages leave over the store that answers");
    hung_store->LetGo(StoreOp::kWrite);
    EXPECT_OK(hung.Flush());
    EXPECT_OK(well.Flush());
    for (PageIndex page = 0; page < 20; page += 2) {
      EXPECT_EQ(hung_store->Word(page * kPage), page + 1);
    }
    for (PageIndex page = 0; page < kPages; page++) EXPECT_EQ(store->Word(page * kPage), page + 1);
  }
}

TEST(holes_read_as_zeros_and_stay_holes_until_written) {
  for (const bool ready : {false, true}) {
    for (const bool writable : {false, true}) {
      Scene scene({.ready = ready, .sparse = true}, {.writable = writable}, 16);
      uint64_t sum = 0;
      for (int round = 0; round < 2; round++) {
        for (PageIndex page = 0; page < kPages; page++) sum += scene.word(page);
      }
      EXPECT_EQ(sum, 0u);
      if (!writable) continue;
      scene.word(7) = 7;
      EXPECT_OK(scene.region.Flush());
      EXPECT_EQ(scene.stored(7), 7u);
      EXPECT_EQ(scene.store->CallsOf(StoreOp::kWrite), 1u);
      EXPECT_OK(scene.region.Evict());
      EXPECT_EQ(scene.word(7), 7u);
      EXPECT_EQ(scene.word(8), 0u);
    }
  }
}

}  // namespace
}  // namespace umap::test
