// What a server of pages leaves behind that is killed with a page in each state, and what the next
// one makes of it: the test is the client, and keeps the memory files and its userfaultfd. See
// docs/page-states.md, "What outlives the server".
#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_process.h"
#include "test/stops.h"
#include "test/touch.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 65536;
constexpr PageIndex kPages = 64;

// A file, its pages, and one client that writes. Servers come and go.
struct Scene {
  explicit Scene(int64_t read_ahead_pages = 0) : file(kPages * kPage) {
    options.page_bytes = kPage;
    options.read_ahead_pages = read_ahead_pages;
    CHECK(CreateSharedPages(kPages * kPage, kPage, &pages).ok());
    CHECK(Mapping::MapShared(pages.states.get(), kPages * sizeof(PageEntry), 0, true, &states)
              .ok());
    client = std::make_unique<ClientMemory>(pages, kPages * kPage, true);
    Start(false);
  }

  void Start(bool follow) {
    options.follow = follow;
    server = std::make_unique<ServerProcess>(pages, file, std::vector{client.get()}, options);
  }
  void Kill() { server->Kill(); }

  PageWord WordAt(PageIndex page) const {
    return reinterpret_cast<const PageEntry*>(states.data())[page].Load();
  }
  PageState StateOf(PageIndex page) const { return WordAt(page).state(); }
  volatile uint64_t& word(PageIndex page) const { return client->word(page * kPage); }
  uint64_t stored(PageIndex page) const { return file.Read(page * kPage); }
  static uint64_t Original(PageIndex page) { return DataFile::WordAt(page * kPage); }
  // Whether there is memory behind the page.
  bool HasMemory(PageIndex page) const {
    const auto offset = static_cast<off_t>(page * kPage);
    return lseek(pages.pages.get(), offset, SEEK_HOLE) != offset;
  }

  DataFile file;
  ServerOptions options;
  SharedPages pages;
  Mapping states;
  std::unique_ptr<ClientMemory> client;
  std::unique_ptr<ServerProcess> server;
};

TEST(clean_pages_stay_where_they_are) {
  Scene scene;
  for (PageIndex page = 0; page < 8; page++) EXPECT_EQ(scene.word(page), Scene::Original(page));
  scene.Kill();
  EXPECT_TRUE(scene.StateOf(3) == PageState::kClean);
  // Mapped still, with nobody there who could map it.
  EXPECT_EQ(scene.word(3), Scene::Original(3));
  scene.Start(true);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kClean);
  EXPECT_EQ(scene.word(3), Scene::Original(3));
  scene.word(3) = 5;
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  scene.server->Do("flush");
  EXPECT_EQ(scene.stored(3), 5u);
  // They are in the books of the new server: they leave.
  scene.server->Do("evict");
  for (PageIndex page = 0; page < 8; page++) {
    EXPECT_TRUE(scene.StateOf(page) == PageState::kAbsent);
    EXPECT_TRUE(!scene.HasMemory(page));
  }
  EXPECT_EQ(scene.word(3), 5u);
}

TEST(writes_with_no_server_there_are_not_lost) {
  Scene scene;
  scene.word(3) = 1;
  scene.Kill();
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  scene.word(3) = 2;
  scene.Start(true);
  scene.server->Do("flush");
  EXPECT_EQ(scene.stored(3), 2u);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kClean);
  // The right that the dead server gave is gone.
  scene.word(3) = 3;
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  scene.server->Do("flush");
  EXPECT_EQ(scene.stored(3), 3u);
}

TEST(a_page_that_was_being_filled_is_filled_again_for_who_waits) {
  for (const bool writes : {false, true}) {
    Scene scene;
    scene.server->Do("stop before-map");
    uint64_t seen = 0;
    Aside touch([&] {
      if (writes) scene.client->word(3 * kPage + 8) = 9;
      seen = scene.word(3);
    });
    scene.server->Expect("at before-map");
    EXPECT_TRUE(scene.StateOf(3) == PageState::kFilling);
    EXPECT_TRUE(scene.HasMemory(3));
    scene.Kill();
    EXPECT_TRUE(!touch.done());
    scene.Start(true);
    touch.Join();
    EXPECT_EQ(seen, Scene::Original(3));
    EXPECT_TRUE(scene.StateOf(3) == (writes ? PageState::kDirty : PageState::kClean));
  }
}

TEST(a_page_that_was_read_ahead_is_forgotten) {
  Scene scene(16);
  PageIndex standby = 0;
  for (PageIndex page = 0; page < 3; page++) EXPECT_EQ(scene.word(page), Scene::Original(page));
  AwaitThat("a page is on standby", [&] {
    for (standby = 3; standby < kPages; standby++) {
      if (scene.StateOf(standby) == PageState::kStandby) return true;
    }
    return false;
  });
  scene.Kill();
  scene.Start(true);
  EXPECT_TRUE(scene.StateOf(standby) == PageState::kAbsent);
  EXPECT_TRUE(!scene.HasMemory(standby));
  EXPECT_EQ(scene.word(standby), Scene::Original(standby));
}

TEST(a_page_that_was_about_to_be_written_is_dirty) {
  Scene scene;
  EXPECT_EQ(scene.word(3), Scene::Original(3));
  scene.server->Do("stop before-unprotect");
  Aside write([&] { scene.word(3) = 4; });
  scene.server->Expect("at before-unprotect");
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirtying);
  scene.Kill();
  scene.Start(true);
  write.Join();
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  scene.server->Do("flush");
  EXPECT_EQ(scene.stored(3), 4u);
}

TEST(a_page_that_was_being_written_back_is_written_again) {
  for (const char* point : {"before-write-back", "before-finish-write-back"}) {
    Scene scene;
    scene.word(3) = 6;
    scene.server->Do(std::string("stop ") + point);
    scene.server->Tell("flush");
    scene.server->Expect(std::string("at ") + point);
    EXPECT_TRUE(scene.StateOf(3) == PageState::kWritingBack);
    scene.Kill();
    scene.Start(true);
    EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
    scene.server->Do("flush");
    EXPECT_EQ(scene.stored(3), 6u);
    EXPECT_TRUE(scene.StateOf(3) == PageState::kClean);
  }
}

TEST(a_page_that_was_being_evicted_is_absent) {
  for (const char* point : {"before-evict-move", "before-punch"}) {
    Scene scene;
    scene.word(3) = 6;
    scene.server->Do("flush");
    scene.server->Do(std::string("stop ") + point);
    scene.server->Tell("evict");
    scene.server->Expect(std::string("at ") + point);
    EXPECT_TRUE(scene.StateOf(3) == PageState::kEvicting);
    EXPECT_TRUE(scene.HasMemory(3));
    scene.Kill();
    scene.Start(true);
    EXPECT_TRUE(scene.StateOf(3) == PageState::kAbsent);
    EXPECT_TRUE(!scene.HasMemory(3));
    EXPECT_EQ(scene.word(3), 6u);
  }
}

TEST(a_page_that_had_failed_is_healed_by_a_prefault) {
  const SigbusCaught caught;
  Scene scene;
  scene.server->Do("break");
  uint64_t seen = 0;
  EXPECT_TRUE(!Touch(&scene.word(3), &seen));
  EXPECT_TRUE(scene.StateOf(3) == PageState::kFailed);
  scene.Kill();
  scene.Start(true);
  EXPECT_TRUE(scene.StateOf(3) == PageState::kAbsent);
  // The client's marker outlives the server.
  EXPECT_TRUE(!Touch(&scene.word(3), &seen));
  scene.server->Do("prefault " + std::to_string(3 * kPage) + " 1");
  EXPECT_TRUE(Touch(&scene.word(3), &seen));
  EXPECT_EQ(seen, Scene::Original(3));
}

TEST(pins_last_until_they_are_released) {
  Scene scene;
  scene.server->Do("pin " + std::to_string(3 * kPage) + " 1");
  scene.word(3) = 8;
  scene.Kill();
  EXPECT_TRUE(scene.WordAt(3).Has(kPinned));
  scene.Start(true);
  EXPECT_TRUE(scene.WordAt(3).Has(kPinned));
  scene.server->Do("evict");
  EXPECT_TRUE(scene.StateOf(3) == PageState::kDirty);
  EXPECT_EQ(scene.stored(3), 8u);
  // Pinned again by who wanted it, so the pin outlives that of the dead server.
  scene.server->Do("pin " + std::to_string(3 * kPage) + " 1");
  scene.server->Do("pin " + std::to_string(4 * kPage) + " 1");
  scene.server->Do("release-pins");
  EXPECT_TRUE(scene.WordAt(3).Has(kPinned));
  scene.Kill();
  scene.Start(true);
  scene.server->Do("release-pins");
  EXPECT_TRUE(!scene.WordAt(3).Has(kPinned | kWaiters));
  EXPECT_TRUE(!scene.WordAt(4).Has(kPinned));
  scene.server->Do("evict");
  EXPECT_TRUE(scene.StateOf(3) == PageState::kAbsent);
  EXPECT_EQ(scene.word(3), 8u);
}

TEST(a_server_with_less_room_evicts_what_it_inherits) {
  Scene scene;
  for (PageIndex page = 0; page < 32; page++) scene.word(page) = page + 1;
  scene.Kill();
  scene.options.budget_pages = 8;
  scene.Start(true);
  for (PageIndex page = 32; page < kPages; page++) {
    EXPECT_EQ(scene.word(page), Scene::Original(page));
  }
  AwaitThat("what is too much has left", [&] {
    PageIndex resident = 0;
    for (PageIndex page = 0; page < kPages; page++) resident += scene.HasMemory(page);
    return resident <= 8;
  });
  for (PageIndex page = 0; page < 32; page++) EXPECT_EQ(scene.word(page), page + 1);
}

TEST(an_orderly_end_leaves_nothing_behind) {
  Scene scene;
  scene.word(3) = 7;
  scene.server->Close();
  EXPECT_EQ(scene.stored(3), 7u);
  for (PageIndex page = 0; page < kPages; page++) {
    EXPECT_TRUE(scene.StateOf(page) == PageState::kAbsent);
    EXPECT_TRUE(!scene.HasMemory(page));
  }
  scene.Start(true);
  EXPECT_EQ(scene.word(3), 7u);
}

}  // namespace
}  // namespace umap::test
