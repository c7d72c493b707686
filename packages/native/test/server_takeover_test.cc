// Servers that are killed, and the next one that goes on with their clients: what clients wrote is
// there, what they wait for comes, and what was sent to the dead one is not done twice.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <thread>

#include "server/keeper.h"
#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_fixture.h"

#if defined(__SANITIZE_THREAD__)
// The servers are forked by a process with threads, and start their own.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "die_after_fork=0";
}
#endif

namespace umap::test {
namespace {

constexpr uint64_t kPage = kServedPageBytes;
// Whole triples of pages.
constexpr uint64_t kTouchedBytes = kServedBytes - kPage;

// Server processes over one file, one after the other, and the keeper between them.
class Servers {
 public:
  Servers() : file_(kServedBytes) {}
  ~Servers() { Kill(); }
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  // Returns when it listens.
  void StartNext() {
    UniqueFd end;
    CHECK(keeper_.Renew(&end).ok());
    int ready[2];
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) Run(std::move(end), ready[1]);
    close(ready[1]);
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  const DataFile& file() const { return file_; }
  std::string path() const { return directory_.path(); }
  std::vector<std::string> Kept() const { return keeper_.Keys(); }

 private:
  [[noreturn]] void Run(UniqueFd end, int ready) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::shared_ptr<Ledger> ledger;
    CHECK(OpenLedger(std::move(end), [] {}, &ledger).ok());
    // 1. The data set, as it was.
    const std::string key = std::string("dataset/") + kServedName;
    LedgerEntry kept;
    SharedPages pages;
    if (ledger->TakeOne(key, &kept)) {
      pages.pages = std::move(kept.fds[0]);
      pages.states = std::move(kept.fds[1]);
      pages.clients_follow = true;
    } else {
      CHECK(CreateSharedPages(kServedBytes, kPage, &pages).ok());
      const int fds[] = {pages.pages.get(), pages.states.get()};
      CHECK(ledger->Put(key, {}, fds).ok());
    }
    const auto buffer = BufferOf(kServedBytes / 4);
    SharedRegion region(Mapped::StoreOf(file_, {}), kServedBytes, buffer,
                        {.page_bytes = kPage, .read_ahead_pages_max = 0}, &pages);
    // 2. Its server.
    ServerOptions options;
    options.socket_path = directory_.path();
    options.buffer = buffer;
    options.ledger = ledger;
    options.log = [](LogLevel, const std::string&) {};
    const auto server = Server::Create(std::move(options));
    DatasetOptions dataset;
    dataset.name = kServedName;
    dataset.region = region.region();
    dataset.writable = true;
    dataset.byte_length = kServedBytes;
    dataset.page_bytes = kPage;
    dataset.pages = region.pages().pages.get();
    CHECK(server->AddDataset(dataset).ok());
    CHECK(server->Start().ok());
    CHECK(write(ready, "", 1) == 1);
    for (;;) pause();
  }

  SocketDirectory directory_;
  DataFile file_;
  Keeper keeper_;
  pid_t pid_ = 0;
};

// As a client does when it hears of the new server.
bool Resume(TestClient& client, uint32_t generation) {
  wire::Restarted restarted;
  if (!client.ReceiveNotice(&restarted) || restarted.generation != generation) return false;
  client.set_generation(generation);
  return client.SendBytes(wire::Encode(0, generation, wire::Resumed{}));
}

TEST(what_clients_wrote_outlives_their_server) {
  Servers servers;
  servers.StartNext();
  TestClient writer(servers.path(), true);
  TestClient reader(servers.path(), false);
  EXPECT_EQ(writer.welcome().generation, 1);
  for (uint32_t generation = 2; generation <= 5; generation++) {
    for (uint64_t offset = 0; offset < kTouchedBytes; offset += 3 * kPage) {
      writer.word(offset) = generation * kServedBytes + offset;
    }
    servers.Kill();
    // One page is still open for writing; the others must wait.
    std::atomic<uint64_t> wrong{0};
    std::thread toucher([&] {
      for (uint64_t offset = 0; offset < kTouchedBytes; offset += 3 * kPage) {
        wrong += reader.Read(offset) != generation * kServedBytes + offset;
        wrong += writer.Read(offset + kPage) != DataFile::WordAt(offset + kPage);
        writer.word(offset + 8) = offset;
      }
    });
    servers.StartNext();
    toucher.join();
    EXPECT_EQ(wrong.load(), 0);
    EXPECT_TRUE(Resume(writer, generation));
    EXPECT_TRUE(Resume(reader, generation));
    EXPECT_OK(reader.Flush());
    for (uint64_t offset = 0; offset < kTouchedBytes; offset += 3 * kPage) {
      EXPECT_EQ(servers.file().Read(offset), generation * kServedBytes + offset);
      EXPECT_EQ(servers.file().Read(offset + 8), offset);
    }
  }
}

TEST(requests_to_the_dead_server_are_ignored_until_they_are_sent_again) {
  Servers servers;
  servers.StartNext();
  TestClient client(servers.path(), true);
  client.word(0) = 11;
  servers.Kill();
  // It lies in the socket when the next server comes.
  const uint32_t lost = client.Send(wire::Flush{client.number(), {0, kPage}});
  EXPECT_NE(lost, 0);
  servers.StartNext();
  EXPECT_TRUE(Resume(client, 2));
  const uint32_t ping = client.Send(wire::Ping{});
  const auto packet = client.Receive();
  EXPECT_TRUE(packet.received);
  EXPECT_EQ(packet.header.request, ping);
  EXPECT_EQ(packet.header.generation, 2);
  EXPECT_EQ(servers.file().Read(0), DataFile::WordAt(0));
  EXPECT_OK(client.Flush());
  EXPECT_EQ(servers.file().Read(0), 11);
}

TEST(a_new_server_knows_mappings_and_gives_other_numbers_to_new_ones) {
  Servers servers;
  servers.StartNext();
  TestClient client(servers.path(), true);
  wire::Mapped unattached;
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &unattached));
  servers.Kill();
  servers.StartNext();
  EXPECT_TRUE(Resume(client, 2));
  // Asked again, as if the answer had been lost.
  EXPECT_OK(client.Do(wire::Attach{client.number(), reinterpret_cast<uint64_t>(client.data())}));
  EXPECT_OK(client.Do(wire::Detach{unattached.mapping}));
  EXPECT_OK(client.Do(wire::Detach{unattached.mapping}));
  wire::Mapped fresh;
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &fresh));
  EXPECT_GT(fresh.mapping, unattached.mapping);
  client.word(0) = 1;
  EXPECT_EQ(client.word(kPage), DataFile::WordAt(kPage));
}

TEST(pins_are_kept_until_they_are_pinned_again) {
  Servers servers;
  servers.StartNext();
  TestClient client(servers.path(), true);
  EXPECT_OK(client.Do(wire::Pin{client.number(), {0, 2 * kPage}}));
  EXPECT_OK(client.Do(wire::Pin{client.number(), {8 * kPage, kPage}}));
  client.word(0) = 11;
  servers.Kill();
  servers.StartNext();
  wire::Restarted restarted;
  EXPECT_TRUE(client.ReceiveNotice(&restarted));
  client.set_generation(2);
  EXPECT_OK(client.Do(wire::Pin{client.number(), {0, 2 * kPage}}));
  EXPECT_TRUE(client.SendBytes(wire::Encode(0, 2, wire::Resumed{})));
  // What was not pinned again goes, what was stays, written or not.
  EXPECT_OK(client.Do(wire::Evict{client.number(), {0, kServedBytes}}));
  wire::RegionStatsReply stats;
  EXPECT_TRUE(client.Ask(wire::RegionStats{client.number()}, &stats));
  EXPECT_EQ(stats.pinned_bytes, 2 * kPage);
  EXPECT_EQ(stats.resident_bytes, 2 * kPage);
  EXPECT_OK(client.Do(wire::Unpin{client.number(), {0, 2 * kPage}}));
}

TEST(clients_that_are_gone_are_forgotten_and_new_ones_come_in) {
  Servers servers;
  servers.StartNext();
  {
    TestClient gone(servers.path(), true);
    gone.word(0) = 11;
    servers.Kill();
    gone.Disconnect();
  }
  servers.StartNext();
  AwaitThat([&] { return servers.Kept().size() == 2; });  // the listener and the data set
  TestClient client(servers.path(), true);
  EXPECT_EQ(client.welcome().generation, 2);
  EXPECT_EQ(client.word(0), 11);
}

TEST(a_client_that_does_not_resume_as_the_new_server_says_is_dropped) {
  Servers servers;
  servers.StartNext();
  TestClient client(servers.path(), true);
  servers.Kill();
  servers.StartNext();
  wire::Restarted restarted;
  EXPECT_TRUE(client.ReceiveNotice(&restarted));
  client.set_generation(3);
  EXPECT_NE(client.Send(wire::Ping{}), 0);
  EXPECT_EQ(client.ReceiveGoodbye(), "it sent a message of a generation that it cannot know");
}

}  // namespace
}  // namespace umap::test
