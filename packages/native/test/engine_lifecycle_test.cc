// Limits and ends: budgets that hold whatever shares them, very many and very large regions, odd
// sizes, memory pressure, and that nothing is left when regions are closed.
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "os/memory_info.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWordsPerPage = kPage / 8;
constexpr uint64_t kMiB = 1 << 20;

// ASan keeps what was freed for a while.
#if defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kAllocatorSlackKiB = 300 * 1024;
#else
constexpr uint64_t kAllocatorSlackKiB = 8 * 1024;
#endif

uint64_t EntriesOf(const char* directory) {
  uint64_t count = 0;
  DIR* const entries = opendir(directory);
  CHECK(entries != nullptr);
  while (readdir(entries)) count++;
  closedir(entries);
  return count;
}

uint64_t LinesOf(const char* path) {
  std::ifstream file(path);
  uint64_t count = 0;
  for (std::string line; std::getline(file, line);) count++;
  return count;
}

uint64_t ResidentKiB() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

TEST(the_budget_holds_where_page_sizes_share_a_buffer) {
  constexpr uint64_t kBudget = 8 * kMiB;
  const auto buffer = BufferOf(kBudget);
  const DataFile file(24 * kMiB);
  Mapped small(file, buffer, {.page_bytes = kPage});
  Mapped medium(file, buffer, {.page_bytes = 65536, .writable = false});
  const DataFile own(24 * kMiB);
  Mapped large(own, buffer, {.page_bytes = 2 * kMiB});
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(Seed() + static_cast<uint64_t>(t));
      const Mapped& region = t == 0 ? small : t == 1 ? medium : large;
      auto* words = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
      for (int i = 0; i < (t == 2 ? 50 : 3000); i++) {
        const uint64_t at = random() % (region.bytes() / 8);
        wrong += words[at].load() != DataFile::WordAt(at * 8);
        if (t != 1) words[at].store(DataFile::WordAt(at * 8));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_LE(StatsOf(*buffer).resident_bytes_max, kBudget);
}

TEST(large_pages_are_not_starved_by_small_ones) {
  // With 4 MiB a large page and the frame that it comes in need the whole buffer.
  for (const uint64_t budget : {4 * kMiB, 16 * kMiB}) {
    const auto buffer = BufferOf(budget);
    const DataFile file(32 * kMiB);
    const DataFile own(32 * kMiB);
    Mapped small(file, buffer, {.page_bytes = kPage});
    Mapped large(own, buffer, {.page_bytes = 2 * kMiB});
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; t++) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(Seed() + static_cast<uint64_t>(t));
        auto* words = reinterpret_cast<std::atomic<uint64_t>*>(small.data());
        while (!done) words[random() % (small.bytes() / 8)].fetch_add(1);
      });
    }
    for (uint64_t i = 0; i < 12; i++) {
      const uint64_t at = i * 2 * kMiB / 8;
      EXPECT_EQ(large.words()[at], DataFile::WordAt(at * 8));
    }
    done = true;
    for (auto& thread : threads) thread.join();
    EXPECT_LE(StatsOf(*buffer).resident_bytes_max, budget);
  }
}

TEST(a_region_whose_pages_could_not_be_had_beside_what_is_pinned_does_not_open) {
  const auto buffer = BufferOf(4 * kMiB);
  const DataFile file(8 * kMiB);
  Mapped small(file, buffer, {.page_bytes = kPage});
  EXPECT_OK(Pin(small.region(), {0, kMiB}));
  RegionOptions options;
  options.store = Mapped::StoreOf(file, {});
  options.buffer = buffer;
  options.page_bytes = 2 * kMiB;
  options.byte_length = file.bytes();
  std::shared_ptr<Region> large;
  EXPECT_EQ(OpenRegion(options, &large).error, ENOMEM);
  Unpin(small.region(), {0, kMiB});
  EXPECT_OK(OpenRegion(options, &large));
  EXPECT_EQ(reinterpret_cast<uint64_t*>(DataOf(*large))[0], DataFile::WordAt(0));
  EXPECT_OK(Await([&](Callback done) { umap::Close(large, std::move(done)); }));
}

TEST(pins_leave_room_for_the_faults_of_others) {
  for (const uint64_t budget_pages : {3, 4, 16}) {
    const DataFile file(64 * 65536);
    Mapped region(file, BufferOf(budget_pages * 65536), {.page_bytes = 65536});
    uint64_t pinned = 0;
    while (Pin(region.region(), {pinned * 65536, 65536}).ok()) pinned++;
    EXPECT_GT(pinned, 0u);
    EXPECT_LT(pinned, budget_pages);
    for (uint64_t page = 0; page < 64; page++) {
      EXPECT_EQ(region.words()[page * 8192], DataFile::WordAt(page * 65536));
      region.words()[page * 8192 + 1] = page;
    }
    Unpin(region.region(), {0, pinned * 65536});
    EXPECT_EQ(region.stats().pinned_bytes, 0u);
  }
}

TEST(pages_on_standby_whose_faults_come_together_are_all_mapped) {
  const auto store = std::make_shared<ScriptedStore>(64 * kPage);
  Mapped region(store, 64 * kPage, BufferOf(8 * kPage),
                {.page_bytes = kPage, .read_ahead_pages_max = 8});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(Seed() + static_cast<uint64_t>(t));
      auto* words = reinterpret_cast<std::atomic<uint64_t>*>(region.data());
      for (int i = 0; i < 60; i++) {
        // Strided walks: all that they read ahead waits on standby.
        const uint64_t first = random() % 8;
        for (uint64_t page = first; page < 64; page += 3) {
          CHECK(words[page * kWordsPerPage].load() == ScriptedStore::WordAt(page * kPage));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(two_thousand_regions_share_a_buffer) {
  const auto buffer = BufferOf(64 * kPage);
  const DataFile file(16 * kPage);
  std::vector<std::unique_ptr<Mapped>> regions;
  for (int i = 0; i < 2000; i++) {
    regions.push_back(std::make_unique<Mapped>(
        file, buffer, MapOptions{.page_bytes = kPage, .writable = false}));
  }
  std::mt19937_64 random(Seed());
  uint64_t wrong = 0;
  for (int i = 0; i < 20'000; i++) {
    const Mapped& region = *regions[random() % regions.size()];
    const uint64_t at = random() % (region.bytes() / 8);
    wrong += region.words()[at] != DataFile::WordAt(at * 8);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(StatsOf(*buffer).regions, 2000u);
  EXPECT_LE(StatsOf(*buffer).resident_bytes_max, 64 * kPage);
  regions.clear();
  EXPECT_EQ(StatsOf(*buffer).regions, 0u);
  EXPECT_EQ(StatsOf(*buffer).resident_bytes, 0u);
}

TEST(a_region_of_a_tebibyte_over_a_sparse_file_works) {
  const DataFile file(uint64_t{1} << 40, false);
  const uint64_t before = ResidentKiB();
  {
    Mapped region(file, BufferOf(4 * kMiB), {.page_bytes = kPage});
    const uint64_t words = region.bytes() / 8;
    for (uint64_t i = 0; i < 200; i++) {
      const uint64_t at = words / 200 * i + i;
      EXPECT_EQ(region.words()[at], 0u);
      region.words()[at] = i + 1;
    }
    region.words()[words - 1] = 99;
    EXPECT_OK(region.Flush());
    EXPECT_OK(region.Evict());
    EXPECT_EQ(region.words()[words / 200 * 7 + 7], 8u);
    EXPECT_LT(ResidentKiB(), before + 64 * 1024);
  }
  EXPECT_EQ(file.Read((uint64_t{1} << 40) - 8), 99u);
}

TEST(a_region_of_no_bytes_does_nothing_well) {
  const auto store = std::make_shared<ScriptedStore>(0);
  Mapped region(store, 0, BufferOf(kMiB), {});
  EXPECT_EQ(MappedBytesOf(*region.region()), 0u);
  EXPECT_OK(region.Flush());
  EXPECT_OK(region.Evict());
  EXPECT_OK(region.Prefault({0, 0}));
  EXPECT_OK(region.Discard({0, 0}));
  EXPECT_OK(Pin(region.region(), {0, 0}));
  EXPECT_OK(region.Close());
}

TEST(a_tail_is_padded_with_zeros_and_never_written_past_its_end) {
  for (const uint64_t tail : {1ul, 8ul, 4095ul, 4097ul, 65535ul}) {
    for (const bool direct : {false, true}) {
      const DataFile file(3 * 65536 + tail);
      {
        Mapped region(file, BufferOf(kMiB), {.page_bytes = 65536, .direct = direct});
        uint8_t* const data = region.data();
        uint64_t sum = 0;
        for (uint64_t at = region.bytes(); at < MappedBytesOf(*region.region()); at++) {
          sum += data[at];
        }
        EXPECT_EQ(sum, 0u);
        data[region.bytes() - 1] = 77;
        std::memset(data + region.bytes(), 1, MappedBytesOf(*region.region()) - region.bytes());
      }
      EXPECT_EQ(lseek(file.fd(), 0, SEEK_END), static_cast<off_t>(file.bytes()));
      uint8_t last = 0;
      EXPECT_EQ(pread(file.fd(), &last, 1, static_cast<off_t>(file.bytes() - 1)), 1);
      EXPECT_EQ(last, 77u);
    }
  }
}

TEST(a_region_is_the_window_of_the_store_that_was_asked_for) {
  const DataFile file(64 * kPage);
  {
    Mapped region(file, BufferOf(kMiB),
                  {.page_bytes = kPage, .offset = 5 * kPage, .byte_length = 3 * kPage + 8});
    for (uint64_t at = 0; at < region.bytes() / 8; at++) {
      EXPECT_EQ(region.words()[at], DataFile::WordAt(5 * kPage + at * 8));
    }
    region.words()[3 * kWordsPerPage] = 1;
    EXPECT_OK(region.Discard({kPage, kPage}));
  }
  EXPECT_EQ(file.Read(8 * kPage), 1u);
  EXPECT_EQ(file.Read(8 * kPage + 8), DataFile::WordAt(8 * kPage + 8));
  EXPECT_EQ(file.Read(6 * kPage), 0u);
  EXPECT_EQ(file.Read(5 * kPage), DataFile::WordAt(5 * kPage));
  EXPECT_EQ(file.Read(7 * kPage), DataFile::WordAt(7 * kPage));
}

TEST(an_adaptive_budget_follows_memory_pressure_down_and_up) {
  MemoryInfo memory;
  memory.total_bytes = 256 * kMiB;
  memory.available_bytes = 128 * kMiB;
  SetMemoryInfoForTest(&memory);
  const auto buffer = CreateBuffer({});
  EXPECT_EQ(StatsOf(*buffer).budget_bytes, 64 * kMiB);
  const DataFile file(96 * kMiB);
  {
    Mapped region(file, buffer, {.page_bytes = 65536});
    std::atomic<uint64_t> told{0};
    const uint64_t subscription = Subscribe(*region.region(), [&](const RegionEvent& event) {
      if (event.kind == EventKind::kPressure) told = event.budget_bytes;
    });
    for (uint64_t at = 0; at < region.bytes() / 8; at += 8192) region.words()[at] = at;
    EXPECT_GT(StatsOf(*buffer).resident_bytes, 32 * kMiB);
    // 1. Little is left: the buffer gives up pages, dirty ones too, down to the new budget.
    memory.available_bytes = 0;
    SetMemoryInfoForTest(&memory);
    AwaitThat("the budget shrinks", [&] { return StatsOf(*buffer).budget_bytes < 33 * kMiB; });
    AwaitThat("the buffer shrinks", [&] {
      const BufferStats stats = StatsOf(*buffer);
      return stats.resident_bytes <= stats.budget_bytes && stats.resident_bytes < 33 * kMiB;
    });
    AwaitThat("subscribers are told", [&] { return told == StatsOf(*buffer).budget_bytes; });
    // 2. Never below a minimum, however often it is halved.
    AwaitThat("the budget is at its least",
              [&] { return StatsOf(*buffer).budget_bytes == 16 * kMiB; });
    // 3. There is memory again: the buffer grows, and uses it.
    memory.available_bytes = 1024 * kMiB;
    SetMemoryInfoForTest(&memory);
    AwaitThat("the budget grows", [&] { return StatsOf(*buffer).budget_bytes > 128 * kMiB; });
    uint64_t wrong = 0;
    for (uint64_t at = 0; at < region.bytes() / 8; at += 8192) wrong += region.words()[at] != at;
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(StatsOf(*buffer).resident_bytes, 64 * kMiB);
    Unsubscribe(*region.region(), subscription);
  }
  SetMemoryInfoForTest(nullptr);
}

TEST(hundreds_of_openings_and_closings_leave_nothing_behind) {
  const DataFile file(64 * kPage);
  const auto store = std::make_shared<ScriptedStore>(64 * kPage);
  const auto cycle = [&](int i) {
    Mapped region(file, BufferOf(16 * kPage), {.page_bytes = i % 2 ? kPage : 4 * kPage});
    Mapped other(store, 64 * kPage, BufferOf(16 * kPage), {.page_bytes = kPage});
    for (uint64_t page = 0; page < 64; page += 3) {
      region.words()[page * kWordsPerPage] = 1;
      (void)other.words()[page * kWordsPerPage];
    }
    if (i % 3 == 0) CHECK(region.Flush().ok());
    if (i % 5 == 0) CHECK(other.Prefault({0, 8 * kPage}).ok());
    if (i % 7 == 0) CHECK(Pin(region.region(), {0, kPage}).ok());
  };
  const uint64_t threads = EntriesOf("/proc/self/task");
  // Job threads end by themselves when the engine has stopped.
  const auto ended = [&] { return EntriesOf("/proc/self/task") <= threads; };
  for (int i = 0; i < 30; i++) cycle(i);
  AwaitThat("the threads end", ended);
  const uint64_t files = EntriesOf("/proc/self/fd");
  const uint64_t mappings = LinesOf("/proc/self/maps");
  const uint64_t resident = ResidentKiB();
  for (int i = 0; i < 300; i++) cycle(i);
  AwaitThat("the threads end", ended);
  EXPECT_EQ(EntriesOf("/proc/self/fd"), files);
  // The allocator's arenas and cached stacks come and go by a few; a leak would be one a cycle.
  EXPECT_LE(LinesOf("/proc/self/maps"), mappings + 60);
  EXPECT_LE(ResidentKiB(), resident + kAllocatorSlackKiB);
}

TEST(a_child_process_that_touches_a_region_ends) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  SKIP_IF(true, "a sanitizer reports the end of the child by itself");
#endif
  const DataFile file(16 * 4096);
  Mapped region(file, BufferOf(64 * 1024), {.page_bytes = 4096});
  EXPECT_EQ(region.words()[0], DataFile::WordAt(0));
  for (const uint64_t page : {0, 1}) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      // It inherits neither memory nor engine, and must not wait for what nobody brings.
      signal(SIGALRM, SIG_DFL);
      alarm(20);
      _exit(static_cast<int>(region.words()[page * 512] & 1));
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
}

}  // namespace
}  // namespace umap::test
