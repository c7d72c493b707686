// Load from several clients at once, through a buffer much smaller than the region, against what a
// plain array would hold: no update is lost, no byte is wrong, whatever leaves, is written back,
// comes, goes or dies meanwhile. UMAP_TEST_SECONDS makes each of these tests run that long.
#include <random>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_process.h"
#include "test/stops.h"

namespace umap::test {
namespace {

constexpr PageIndex kPages = 96;
constexpr uint64_t kWriters = 3;

int64_t RunNs(int64_t milliseconds) {
  const char* const seconds = getenv("UMAP_TEST_SECONDS");
  return seconds ? std::atoll(seconds) * 1'000'000'000 : milliseconds * 1'000'000;
}

// Each writer has one word of every page to itself, which only grows: by the writer's own count of
// how often it was raised, the model. Others may read any word, and see no step back.
class Counters {
 public:
  explicit Counters(uint64_t page_bytes) : page_bytes_(page_bytes) {
    for (auto& writer : model_) writer.assign(kPages, 0);
  }

  uint64_t OffsetOf(uint64_t writer, PageIndex page) const {
    return page * page_bytes_ + page_bytes_ / 2 + writer * 8;
  }
  void Write(const ClientMemory& memory, uint64_t writer, PageIndex page) {
    const std::atomic_ref<uint64_t> word = WordAt(memory, OffsetOf(writer, page));
    wrong_ += word.load() != model_[writer][page];
    word.store(++model_[writer][page]);
  }
  // What the reader saw of a page before, in `seen`.
  void Read(const ClientMemory& memory, PageIndex page, std::vector<uint64_t>* seen) {
    for (uint64_t writer = 0; writer < kWriters; writer++) {
      uint64_t& before = (*seen)[page * kWriters + writer];
      const uint64_t now = WordAt(memory, OffsetOf(writer, page)).load();
      wrong_ += now < before;
      before = now;
    }
    wrong_ += memory.word(page * page_bytes_) != DataFile::WordAt(page * page_bytes_);
  }
  uint64_t wrong() const { return wrong_.load(); }
  uint64_t WrongInFile(const DataFile& file) const {
    uint64_t wrong = 0;
    for (uint64_t writer = 0; writer < kWriters; writer++) {
      for (PageIndex page = 0; page < kPages; page++) {
        wrong += file.Read(OffsetOf(writer, page)) != model_[writer][page];
      }
    }
    return wrong;
  }
  uint64_t raised() const {
    uint64_t sum = 0;
    for (const auto& writer : model_) {
      for (const uint64_t count : writer) sum += count;
    }
    return sum;
  }
  // The words begin as nought.
  void ClearIn(const DataFile& file) const {
    const uint64_t zeros[kWriters] = {};
    for (PageIndex page = 0; page < kPages; page++) {
      CHECK(pwrite(file.fd(), zeros, sizeof zeros, static_cast<off_t>(OffsetOf(0, page))) ==
            sizeof zeros);
    }
  }

 private:
  // Threads of one client meet there.
  static std::atomic_ref<uint64_t> WordAt(const ClientMemory& memory, uint64_t offset) {
    return std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(memory.data() + offset));
  }

  const uint64_t page_bytes_;
  std::vector<uint64_t> model_[kWriters];
  std::atomic<uint64_t> wrong_{0};
};

// Threads that write and read through a client's memory until they are told to stop.
class Load {
 public:
  Load(Counters& counters, const std::vector<const ClientMemory*>& writers,
       const std::vector<const ClientMemory*>& readers) {
    for (uint64_t i = 0; i < writers.size(); i++) {
      threads_.emplace_back([this, &counters, memory = writers[i], i] {
        std::mt19937_64 random(Seed() + i);
        while (!stop_) counters.Write(*memory, i, static_cast<PageIndex>(random() % kPages));
      });
    }
    for (uint64_t i = 0; i < readers.size(); i++) {
      threads_.emplace_back([this, &counters, memory = readers[i], i] {
        std::mt19937_64 random(Seed() + 100 + i);
        std::vector<uint64_t> seen(kPages * kWriters);
        while (!stop_) counters.Read(*memory, static_cast<PageIndex>(random() % kPages), &seen);
      });
    }
  }
  ~Load() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

void RunInOneProcess(uint64_t page_bytes, uint64_t budget_pages, int64_t read_ahead_pages) {
  DataFile file(kPages * page_bytes);
  Counters counters(page_bytes);
  counters.ClearIn(file);
  const MapOptions options{.page_bytes = page_bytes, .read_ahead_pages_max = read_ahead_pages};
  SharedRegion region(Mapped::StoreOf(file, options), file.bytes(),
                      BufferOf(budget_pages * page_bytes), options);
  std::mt19937_64 random(Seed());
  {
    LocalClient one(region, true, 1), two(region, true, 2), reader(region, false, 3);
    // Two threads of one client, and two clients.
    const Load load(counters, {&one.memory(), &one.memory(), &two.memory()}, {&two.memory()});
    for (const int64_t end = NowNs() + RunNs(700); NowNs() < end;) {
      const ByteRange range{random() % kPages * page_bytes, (1 + random() % 8) * page_bytes};
      const ByteRange inside{range.offset,
                             std::min(range.byte_length, file.bytes() - range.offset)};
      switch (random() % 6) {
        case 0: EXPECT_OK(region.Flush()); break;
        case 1: EXPECT_OK(region.Evict(inside)); break;
        case 2:
          EXPECT_OK(region.Prefault(inside));
          MapIntoClient(one.mapping(), inside);
          break;
        case 3: {
          const ByteRange page{inside.offset, 1};
          if (!Pin(region.region(), page).ok()) break;
          MapIntoClient(two.mapping(), page);
          Unpin(region.region(), page);
          break;
        }
        case 4: {
          // A client that comes, looks and goes.
          LocalClient guest(region, random() % 2 == 0, 4);
          std::vector<uint64_t> seen(kPages * kWriters);
          for (int i = 0; i < 8; i++) {
            counters.Read(guest.memory(), static_cast<PageIndex>(random() % kPages), &seen);
          }
          break;
        }
        default: {
          std::vector<uint64_t> seen(kPages * kWriters);
          const auto page = static_cast<PageIndex>(random() % kPages);
          counters.Read(reader.memory(), page, &seen);
        }
      }
    }
  }
  EXPECT_LE(region.buffer_stats().resident_bytes_max, budget_pages * page_bytes);
  EXPECT_OK(region.Close());
  EXPECT_GT(counters.raised(), 0u);
  EXPECT_EQ(counters.wrong(), 0u);
  EXPECT_EQ(counters.WrongInFile(file), 0u);
}

TEST(no_update_of_any_client_is_lost_in_pages_of_4_kib) {
  RunInOneProcess(4096, 16, 0);
  RunInOneProcess(4096, 48, 8);
}

TEST(no_update_of_any_client_is_lost_in_pages_of_64_kib) {
  RunInOneProcess(65536, 16, 0);
  RunInOneProcess(65536, 3, 0);
  RunInOneProcess(65536, 48, 8);
}

// The clients are here; their servers are killed one after another, at any moment.
TEST(no_update_is_lost_when_servers_are_killed) {
  for (const uint64_t page_bytes : {uint64_t{4096}, uint64_t{65536}}) {
    DataFile file(kPages * page_bytes);
    Counters counters(page_bytes);
    counters.ClearIn(file);
    SharedPages pages;
    CHECK(CreateSharedPages(file.bytes(), page_bytes, &pages).ok());
    std::mt19937_64 random(Seed());
    uint64_t kills = 0;
    {
      ClientMemory one(pages, file.bytes(), true), two(pages, file.bytes(), true);
      ClientMemory reader(pages, file.bytes(), false);
      ServerOptions options{.page_bytes = page_bytes, .budget_pages = 24, .read_ahead_pages = 4};
      const std::vector<ClientMemory*> clients = {&one, &two, &reader};
      auto server = std::make_unique<ServerProcess>(pages, file, clients, options);
      options.follow = true;
      {
        const Load load(counters, {&one, &two, &two}, {&one, &reader});
        for (const int64_t end = NowNs() + RunNs(1500); NowNs() < end; kills++) {
          // Faults of a random number of microseconds.
          usleep(static_cast<useconds_t>(random() % 20'000));
          if (random() % 2 == 0) server->Tell(random() % 2 == 0 ? "flush" : "evict");
          server->Kill();
          server = std::make_unique<ServerProcess>(pages, file, clients, options);
        }
      }
      server->Close();
    }
    EXPECT_GT(kills, 2u);
    EXPECT_GT(counters.raised(), 0u);
    EXPECT_EQ(counters.wrong(), 0u);
    EXPECT_EQ(counters.WrongInFile(file), 0u);
  }
}

}  // namespace
}  // namespace umap::test
