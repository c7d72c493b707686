// Regions whose pages clients map: what a client sees and writes, what leaves and comes back, and
// what clients may do wrong. The clients are mappings of this process.
#include <signal.h>
#include <sys/wait.h>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/scripted_store.h"
#include "test/shared_fixture.h"
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

TEST(resident_neighbours_are_mapped_in_the_same_answer) {
  Scene scene(128);
  EXPECT_OK(scene.region.Prefault({0, 32 * kPage}));
  LocalClient client(scene.region, true);
  LocalClient reader(scene.region, false, 2);
  for (LocalClient* each : {&client, &reader}) {
    for (PageIndex page = 0; page < 32; page++) {
      EXPECT_EQ(each->word(page * kPage), Scene::Original(page));
    }
    // The first, and from the second on 16 pages of 4 KiB at a time.
    EXPECT_EQ(each->mapping().faults(), 3u);
    AwaitThat("each was answered from memory",
              [&] { return each->mapping().resident_faults() == 3; });
  }
  // What was mapped on the side is protected all the same.
  client.word(5 * kPage) = 4;
  EXPECT_EQ(scene.region.stats().dirty_bytes, kPage);
}

TEST(what_is_mapped_after_a_prefault_is_no_fault) {
  Scene scene(128);
  LocalClient client(scene.region, true);
  EXPECT_OK(scene.region.Prefault({kPage, 20 * kPage}));
  MapIntoClient(client.mapping(), {kPage, 20 * kPage});
  for (PageIndex page = 1; page < 21; page++) {
    EXPECT_EQ(client.word(page * kPage), Scene::Original(page));
  }
  EXPECT_EQ(client.mapping().faults(), 0u);
  client.word(kPage) = 1;
  EXPECT_EQ(client.mapping().faults(), 1u);
}

TEST(what_is_pinned_is_written_without_a_fault) {
  Scene scene;
  LocalClient client(scene.region, true);
  LocalClient reader(scene.region, false, 2);
  EXPECT_EQ(client.word(3 * kPage), Scene::Original(3));
  const uint64_t before = client.mapping().faults();
  const ByteRange range{2 * kPage, 4 * kPage};
  EXPECT_OK(Pin(scene.region.region(), range));
  for (LocalClient* each : {&client, &reader}) MapIntoClient(each->mapping(), range);
  for (int round = 1; round <= 2; round++) {
    for (PageIndex page = 2; page < 6; page++) {
      client.word(page * kPage) = static_cast<uint64_t>(round);
      EXPECT_EQ(reader.word(page * kPage), static_cast<uint64_t>(round));
    }
    // A write-back leaves them open, and dirty.
    EXPECT_OK(scene.region.Flush());
    EXPECT_EQ(scene.stored(4), static_cast<uint64_t>(round));
    EXPECT_EQ(scene.region.stats().dirty_bytes, 4 * kPage);
  }
  EXPECT_EQ(client.mapping().faults(), before);
  EXPECT_EQ(reader.mapping().faults(), 0u);
  Unpin(scene.region.region(), range);
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(scene.region.stats().resident_bytes, 0u);
  EXPECT_EQ(client.word(4 * kPage), 2u);
}

TEST(a_page_that_the_store_refuses_is_an_error_in_each_client_until_it_is_filled) {
  const SigbusCaught caught;
  Scene scene;
  LocalClient one(scene.region, true);
  LocalClient two(scene.region, false, 2);
  scene.store->SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kRead ? Status::Fail(EIO, "no") : Status::Ok();
  });
  uint64_t seen = 0;
  for (LocalClient* each : {&one, &two}) {
    EXPECT_TRUE(!Touch(&each->word(3 * kPage), &seen));
    EXPECT_TRUE(!Touch(&each->word(3 * kPage), &seen));
    EXPECT_EQ(each->served().failures(), 1u);
  }
  scene.store->SetScript({});
  EXPECT_OK(scene.region.Prefault({3 * kPage, 1}));
  // It was mapped over the marker, in both.
  for (LocalClient* each : {&one, &two}) {
    EXPECT_TRUE(Touch(&each->word(3 * kPage), &seen));
    EXPECT_EQ(seen, Scene::Original(3));
    EXPECT_EQ(each->mapping().faults(), 1u);
  }
}

TEST(a_page_that_a_client_punches_out_reads_as_zeros_and_hurts_nobody) {
  Scene scene(32, {.blocking = true}, 65536);
  LocalClient one(scene.region, true);
  LocalClient two(scene.region, true, 2);
  one.word(65536) = 1;
  EXPECT_EQ(two.word(65536), 1u);
  CHECK(madvise(one.data() + 65536, 65536, MADV_REMOVE) == 0);
  EXPECT_EQ(two.word(65536), 0u);
  EXPECT_EQ(one.word(65536), 0u);
  one.word(65536) = 2;
  EXPECT_EQ(two.word(65536), 2u);
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.store->Word(65536), 2u);
}

TEST(what_a_client_drops_or_unmaps_is_its_own_loss) {
  Scene scene;
  LocalClient one(scene.region, true);
  LocalClient two(scene.region, true, 2);
  for (PageIndex page = 0; page < 16; page++) one.word(page * kPage) = page + 1;
  CHECK(madvise(one.data() + 3 * kPage, kPage, MADV_DONTNEED) == 0);
  EXPECT_EQ(one.word(3 * kPage), 4u);
  CHECK(munmap(one.data() + 5 * kPage, 2 * kPage) == 0);
  // The rest of the run is protected.
  EXPECT_OK(scene.region.Flush());
  EXPECT_EQ(scene.region.stats().dirty_bytes, 0u);
  for (const PageIndex page : {0u, 4u, 7u, 15u}) one.word(page * kPage) = 100 + page;
  EXPECT_EQ(scene.region.stats().dirty_bytes, 4 * kPage);
  EXPECT_EQ(two.word(5 * kPage), 6u);
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(scene.stored(7), 107u);
  EXPECT_EQ(scene.stored(6), 7u);
  EXPECT_EQ(two.word(6 * kPage), 7u);
}

TEST(what_a_reader_writes_reaches_nobody) {
  Scene scene;
  LocalClient writer(scene.region, true);
  LocalClient reader(scene.region, false, 2);
  reader.word(3 * kPage) = 5;
  EXPECT_EQ(writer.word(3 * kPage), Scene::Original(3));
  EXPECT_EQ(scene.region.stats().dirty_bytes, 0u);
  // Its copy is its own, and stays when the page leaves.
  EXPECT_OK(scene.region.Evict());
  EXPECT_EQ(reader.word(3 * kPage), 5u);
  EXPECT_EQ(writer.word(3 * kPage), Scene::Original(3));
}

TEST(a_discarded_page_reads_as_zeros_in_all_clients) {
  Scene scene(32, {.blocking = true, .sparse = true});
  LocalClient one(scene.region, true);
  LocalClient two(scene.region, false, 2);
  for (PageIndex page = 2; page < 6; page++) one.word(page * kPage) = 1;
  EXPECT_EQ(two.word(3 * kPage), 1u);
  one.word(5 * kPage + 2048) = 9;
  EXPECT_OK(scene.region.Discard({2 * kPage, 3 * kPage + 1024}));
  for (PageIndex page = 2; page < 6; page++) {
    EXPECT_EQ(one.word(page * kPage), 0u);
    EXPECT_EQ(two.word(page * kPage), 0u);
  }
  EXPECT_EQ(two.word(5 * kPage + 2048), 9u);
}

TEST(what_is_no_userfaultfd_is_refused) {
  std::shared_ptr<const ClientUserfaultfd> faults;
  EXPECT_EQ(ClientUserfaultfd::Adopt(UniqueFd(eventfd(0, EFD_CLOEXEC)), &faults).error, EINVAL);
  EXPECT_EQ(ClientUserfaultfd::Adopt(UniqueFd(), &faults).error, EINVAL);
  // One that has not shaken hands has no features.
  UniqueFd bare(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  EXPECT_EQ(ClientUserfaultfd::Adopt(std::move(bare), &faults).error, EINVAL);
}

TEST(memory_that_is_not_shared_is_refused) {
  Scene scene;
  const UniqueFd uffd = OpenClientUserfaultfd();
  Mapping memory;
  CHECK(Mapping::Reserve(scene.region.mapped_bytes(), 0, false, &memory).ok());
  ClientMappingOptions options;
  CHECK(ClientUserfaultfd::Adopt(UniqueFd(dup(uffd.get())), &options.faults).ok());
  options.address = reinterpret_cast<uint64_t>(memory.data());
  std::shared_ptr<ClientMapping> client;
  EXPECT_EQ(AttachClient(scene.region.region(), options, &client).error, EINVAL);
  options.address = 4096;
  EXPECT_EQ(AttachClient(scene.region.region(), options, &client).error, EINVAL);
  EXPECT_EQ(scene.region.client_count(), 0u);
}

// The client is a process of its own, of which the test has a descriptor of its userfaultfd.
TEST(a_client_that_is_killed_or_executes_another_program_is_gone) {
  for (const bool kills : {true, false}) {
    Scene scene;
    LocalClient other(scene.region, true, 2);
    int ends[2];
    CHECK(pipe(ends) == 0);
    const UniqueFd out(ends[0]), in(ends[1]);
    int gate[2];
    CHECK(pipe(gate) == 0);
    const UniqueFd gate_out(gate[0]), gate_in(gate[1]);
    const uint64_t bytes = scene.region.mapped_bytes();
    const int file = scene.region.pages().pages.get();
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      // System calls only: the parent has threads.
      struct { int fd; uint64_t address; } place;
      place.fd = OpenClientUserfaultfd().Release();
      void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      place.address = reinterpret_cast<uint64_t>(data);
      if (write(ends[1], &place, sizeof place) < 0) _exit(1);
      char go;
      if (read(gate[0], &go, 1) != 1) _exit(1);
      *(static_cast<volatile uint64_t*>(data) + 3 * kPage / 8) = 5;
      if (write(ends[1], &place, sizeof place) < 0) _exit(1);
      if (read(gate[0], &go, 1) != 1) _exit(1);
      execl("/bin/sleep", "sleep", "100", nullptr);
      _exit(1);
    }
    struct { int fd; uint64_t address; } place;
    CHECK(read(out.get(), &place, sizeof place) == sizeof place);
    const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
    const UniqueFd uffd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), place.fd, 0)));
    CHECK(uffd.valid());
    {
      ServedClient served(scene.region.region(), uffd.get(), {.address = place.address});
      CHECK(write(gate_in.get(), "1", 1) == 1);
      CHECK(read(out.get(), &place, sizeof place) == sizeof place);
      EXPECT_EQ(other.word(3 * kPage), 5u);
      if (kills) {
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, nullptr, 0) == child);
      } else {
        CHECK(write(gate_in.get(), "1", 1) == 1);
        AwaitThat("the child executes another program", [&] {
          std::ifstream name("/proc/" + std::to_string(child) + "/comm");
          std::string line;
          std::getline(name, line);
          return line == "sleep";
        });
      }
      // Its page is dirty still, and is written back; its rights are gone with it.
      EXPECT_OK(scene.region.Flush());
      EXPECT_EQ(scene.stored(3), 5u);
      EXPECT_TRUE(served.mapping().gone());
      MapIntoClient(served.mapping(), {0, bytes});
      other.word(3 * kPage) = 6;
      EXPECT_OK(scene.region.Evict());
      EXPECT_EQ(scene.stored(3), 6u);
    }
    if (!kills) CHECK(kill(child, SIGKILL) == 0 && waitpid(child, nullptr, 0) == child);
  }
}

}  // namespace
}  // namespace umap::test
