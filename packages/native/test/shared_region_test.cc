// Regions whose pages clients map: what a client sees and writes, what leaves and comes back, and
// what clients may do wrong. The clients are mappings of this process.
#include "test/shared_fixture.h"

#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/touch.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;

struct Scene {
  explicit Scene(uint64_t budget_pages = 32, const ScriptedOptions& options = {.blocking = true},
                 uint64_t page_bytes = kPage, int64_t read_ahead_pages_max = 0)
      : store(std::make_shared<ScriptedStore>(64 * page_bytes, options)),
        region(store, 64 * page_bytes, BufferOf(budget_pages * page_bytes),
               {.page_bytes = page_bytes, .read_ahead_pages_max = read_ahead_pages_max}) {}

  uint64_t stored(PageIndex page) { return store->Word(page * kPage); }
  static uint64_t Original(PageIndex page) { return ScriptedStore::WordAt(page * kPage); }

  std::shared_ptr<ScriptedStore> store;
  SharedRegion region;
};

TEST(a_client_reads_what_the_store_holds) {
  Scene scene;
  LocalClient client(scene.region, true);
  LocalClient reader(scene.region, false, 2);
  for (PageIndex page = 0; page < 64; page++) {
    EXPECT_EQ(client.word(page * kPage), Scene::Original(page));
    EXPECT_EQ(reader.word(page * kPage + 8), ScriptedStore::WordAt(page * kPage + 8));
  }
  EXPECT_LE(scene.region.buffer_stats().resident_bytes_max, 32 * kPage);
}

TEST(what_a_client_writes_is_seen_by_others_and_reaches_the_store) {
  Scene scene;
  LocalClient writer(scene.region, true);
  LocalClient reader(scene.region, false, 2);
  EXPECT_EQ(reader.word(3 * kPage), Scene::Original(3));
  writer.word(3 * kPage) = 7;
  EXPECT_EQ(reader.word(3 * kPage), 7u);
  EXPECT_EQ(scene.region.stats().dirty_bytes, kPage);
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.stored(3), 7u);
  EXPECT_EQ(scene.region.stats().dirty_bytes, 0u);
  writer.word(3 * kPage) = 8;
  EXPECT_EQ(scene.region.stats().dirty_bytes, kPage);
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(scene.stored(3), 8u);
  EXPECT_EQ(scene.region.stats().resident_bytes, 0u);
  EXPECT_EQ(reader.word(3 * kPage), 8u);
}

}  // namespace
}  // namespace umap::test
