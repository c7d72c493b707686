// A server and well-behaved clients: what they map, ask for and are told, and how it all ends.
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_fixture.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = kServedPageBytes;

TEST(clients_share_what_any_of_them_writes) {
  TestServer server;
  TestClient one(server.path(), true);
  TestClient other(server.path(), true);
  TestClient reader(server.path(), false);
  for (uint64_t offset = 0; offset < kServedBytes; offset += kPage) {
    EXPECT_EQ(one.word(offset), ScriptedStore::WordAt(offset));
  }
  one.word(8) = 11;
  other.word(16) = 22;
  EXPECT_EQ(other.word(8), 11);
  EXPECT_EQ(one.word(16), 22);
  EXPECT_EQ(reader.word(8), 11);
  EXPECT_EQ(reader.word(16), 22);
  // Each page was filled once for the three.
  EXPECT_EQ(server.store().CallsOf(StoreOp::kRead), kServedBytes / kPage);
}

TEST(a_flush_makes_durable_what_any_client_wrote) {
  TestServer server;
  TestClient one(server.path(), true);
  TestClient other(server.path(), true);
  TestClient reader(server.path(), false);
  one.word(0) = 11;
  other.word(kPage) = 22;
  EXPECT_OK(reader.Flush());
  EXPECT_EQ(server.store().Word(0), 11);
  EXPECT_EQ(server.store().Word(kPage), 22);
  EXPECT_GE(server.store().CallsOf(StoreOp::kFlush), 1);
  // And goes on noticing.
  one.word(0) = 33;
  EXPECT_OK(other.Flush());
  EXPECT_EQ(server.store().Word(0), 33);
}

TEST(many_clients_on_one_cold_page_cause_one_fill) {
  TestServer server;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 64; i++) {
    clients.push_back(std::make_unique<TestClient>(server.path(), i % 2 == 0));
  }
  server.store().Hold(StoreOp::kRead);
  std::atomic<uint32_t> right{0};
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&] { right += client->word(kPage) == ScriptedStore::WordAt(kPage); });
  }
  AwaitThat([&] { return server.region().stats().faults == 64; });
  server.store().LetGo(StoreOp::kRead);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 64);
  EXPECT_EQ(server.store().CallsOf(StoreOp::kRead), 1);
  EXPECT_EQ(server.region().stats().fills, 1);
}

TEST(what_was_prefaulted_or_pinned_is_touched_without_a_fault) {
  TestServer server;
  TestClient client(server.path(), true);
  EXPECT_OK(client.Do(wire::Prefault{client.number(), {{0, 8 * kPage}, {16 * kPage, 1}}}));
  EXPECT_OK(client.Do(wire::Pin{client.number(), {32 * kPage, 4 * kPage}}));
  for (const uint64_t page : {0, 1, 7, 16}) {
    EXPECT_EQ(client.word(page * kPage), ScriptedStore::WordAt(page * kPage));
  }
  for (uint64_t page = 32; page < 36; page++) client.word(page * kPage) = page;
  const ServerStats stats = server.server().Stats();
  EXPECT_EQ(stats.datasets[0].clients.faults, 0);
  EXPECT_OK(client.Do(wire::Unpin{client.number(), {32 * kPage, 4 * kPage}}));
  EXPECT_OK(client.Flush());
  EXPECT_EQ(server.store().Word(33 * kPage), 33);
}

TEST(a_discarded_range_is_zeros_for_all_and_read_only_clients_discard_nothing) {
  TestServer server;
  TestClient writer(server.path(), true);
  TestClient reader(server.path(), false);
  EXPECT_EQ(reader.word(0), ScriptedStore::WordAt(0));
  EXPECT_EQ(reader.Do(wire::Discard{reader.number(), {0, kPage}}).error, EACCES);
  EXPECT_OK(writer.Do(wire::Discard{writer.number(), {0, kPage}}));
  EXPECT_EQ(reader.word(0), 0);
  EXPECT_EQ(writer.word(0), 0);
}

TEST(evicted_pages_are_filled_again) {
  TestServer server;
  TestClient client(server.path(), true);
  client.word(0) = 11;
  EXPECT_OK(client.Do(wire::Evict{client.number(), {0, kServedBytes}}));
  EXPECT_EQ(server.region().stats().resident_bytes, 0);
  EXPECT_EQ(server.store().Word(0), 11);
  EXPECT_EQ(client.word(0), 11);
}

TEST(what_may_not_be_mapped_is_refused_with_a_reason) {
  TestServer server({.writable = false});
  TestClient client(server.path());
  EXPECT_EQ(client.Map(false, "nothing").error, ENOENT);
  EXPECT_EQ(client.Map(true).error, EACCES);
  EXPECT_OK(client.Map(false));
  EXPECT_EQ(client.word(8), ScriptedStore::WordAt(8));
}

TEST(limits_on_mappings_and_pins_are_kept) {
  TestServer server({.limits = {.mappings_max = 2, .pinned_bytes_max = 4 * kPage}});
  TestClient client(server.path(), true);
  EXPECT_EQ(client.welcome().limits.mappings_max, 2);
  EXPECT_EQ(client.welcome().limits.pinned_bytes_max, 4 * kPage);
  const uint32_t first = client.number();
  EXPECT_OK(client.Do(wire::Pin{first, {0, 3 * kPage}}));
  EXPECT_EQ(client.Do(wire::Pin{first, {8 * kPage, kPage + 1}}).error, ENOMEM);
  EXPECT_OK(client.Do(wire::Pin{first, {8 * kPage, kPage}}));
  EXPECT_OK(client.Do(wire::Unpin{first, {0, 3 * kPage}}));
  EXPECT_OK(client.Do(wire::Pin{first, {8 * kPage, kPage}}));
  wire::Mapped second;
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &second));
  wire::Done refused;
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &refused));
  EXPECT_EQ(refused.outcome.error, EMFILE);
  // What was given back counts no more.
  EXPECT_OK(client.Do(wire::Detach{second.mapping}));
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &second));
  EXPECT_GT(second.mapping, first);
}

TEST(the_end_of_a_mapping_takes_its_pins_back) {
  TestServer server;
  TestClient client(server.path(), true);
  EXPECT_OK(client.Do(wire::Pin{client.number(), {0, 4 * kPage}}));
  EXPECT_EQ(server.region().stats().pinned_bytes, 4 * kPage);
  EXPECT_OK(client.Unmap());
  EXPECT_EQ(server.region().stats().pinned_bytes, 0);
  EXPECT_OK(client.Map(true));
  EXPECT_OK(client.Do(wire::Pin{client.number(), {0, 4 * kPage}}));
  client.Disconnect();
  AwaitThat([&] { return server.region().stats().pinned_bytes == 0; });
}

TEST(a_page_that_cannot_be_filled_is_reported_to_who_waits_and_healed_by_a_prefault) {
  TestServer server;
  TestClient client(server.path(), true);
  server.store().SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kRead ? Status::Fail(EIO, "scripted trouble") : Status::Ok();
  });
  std::thread toucher([&] { (void)client.Read(2 * kPage); });
  wire::Failed failed;
  const bool told = client.ReceiveNotice(&failed);
  server.store().SetScript(nullptr);
  const Status healed = client.Do(wire::Prefault{client.number(), {{2 * kPage, kPage}}});
  toucher.join();
  EXPECT_TRUE(told);
  EXPECT_EQ(failed.mapping, client.number());
  EXPECT_EQ(failed.range.offset, 2 * kPage);
  EXPECT_EQ(failed.range.byte_length, kPage);
  EXPECT_EQ(failed.outcome.error, EIO);
  EXPECT_TRUE(failed.outcome.message.find("scripted trouble") != std::string::npos);
  EXPECT_OK(healed);
  EXPECT_EQ(client.word(2 * kPage), ScriptedStore::WordAt(2 * kPage));
}

TEST(events_of_the_region_reach_its_clients) {
  TestServer server;
  TestClient client(server.path(), true);
  client.word(0) = 1;
  server.store().SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kWrite ? Status::Fail(ENOSPC, "no room") : Status::Ok();
  });
  const uint32_t request = client.Send(wire::Flush{client.number(), {0, kPage}});
  wire::Event event;
  EXPECT_TRUE(client.ReceiveNotice(&event));
  server.store().SetScript(nullptr);
  EXPECT_EQ(event.mapping, client.number());
  EXPECT_EQ(event.kind, static_cast<uint8_t>(EventKind::kWriteBackError));
  EXPECT_EQ(event.outcome.error, ENOSPC);
  EXPECT_TRUE(client.ReceiveAnswer(request).received);
}

TEST(statistics_say_who_does_what) {
  TestServer server;
  TestClient writer(server.path(), true);
  TestClient reader(server.path(), false);
  writer.word(0) = 1;
  (void)reader.Read(0);
  EXPECT_OK(writer.Do(wire::Pin{writer.number(), {0, kPage}}));
  const ServerStats stats = server.server().Stats();
  EXPECT_EQ(stats.generation, 1);
  EXPECT_EQ(stats.connections, 2);
  EXPECT_EQ(stats.datasets.size(), 1);
  EXPECT_EQ(stats.datasets[0].name, kServedName);
  EXPECT_EQ(stats.datasets[0].mappings, 2);
  EXPECT_EQ(stats.datasets[0].region.dirty_bytes, kPage);
  EXPECT_EQ(stats.datasets[0].clients.faults, 2);
  EXPECT_EQ(stats.datasets[0].clients.resident_faults, 1);
  EXPECT_EQ(stats.clients.size(), 2);
  EXPECT_EQ(stats.clients[0].pid, getpid());
  EXPECT_EQ(stats.clients[0].uid, geteuid());
  EXPECT_EQ(stats.clients[0].pinned_bytes, kPage);
  EXPECT_EQ(stats.clients[1].mappings[0].faults.faults, 1);
  EXPECT_EQ(stats.clients[1].mappings[0].faults.resident_faults, 1);

  wire::RegionStatsReply reply;
  EXPECT_TRUE(reader.Ask(wire::RegionStats{reader.number()}, &reply));
  EXPECT_EQ(reply.faults, 1);
  EXPECT_EQ(reply.fault_latency.count, 1);
  EXPECT_EQ(reply.fills, 1);
  EXPECT_EQ(reply.pinned_bytes, 0);

  // A client that only asks needs no userfaultfd.
  RawClient asker(server.path());
  EXPECT_TRUE(asker.Greet(-1));
  wire::StatsReply text_reply;
  UniqueFd text;
  EXPECT_TRUE(asker.Ask(wire::ServerStats{}, &text_reply, &text));
  struct stat file;
  EXPECT_SYS(fstat(text.get(), &file));
  std::string json(static_cast<size_t>(file.st_size), '\0');
  EXPECT_EQ(pread(text.get(), json.data(), json.size(), 0), file.st_size);
  EXPECT_TRUE(json.find("\"name\":\"points\"") != std::string::npos);
  EXPECT_TRUE(json.find("\"pid\":" + std::to_string(getpid())) != std::string::npos);
  EXPECT_EQ(std::count(json.begin(), json.end(), '{'), std::count(json.begin(), json.end(), '}'));
  EXPECT_EQ(pwrite(text.get(), "x", 1, 0), -1);
}

TEST(closing_says_goodbye_and_writes_everything_back) {
  TestServer server;
  TestClient one(server.path(), true);
  TestClient other(server.path(), true);
  RawClient asker(server.path());
  EXPECT_TRUE(asker.Greet(-1));
  one.word(0) = 11;
  other.word(kPage) = 22;
  EXPECT_OK(server.Close());
  EXPECT_EQ(server.store().Word(0), 11);
  EXPECT_EQ(server.store().Word(kPage), 22);
  const std::vector<RawClient*> clients = {&one, &other, &asker};
  for (RawClient* client : clients) {
    wire::Goodbye goodbye;
    EXPECT_TRUE(client->ReceiveNotice(&goodbye));
    EXPECT_EQ(goodbye.reason, wire::GoodbyeReason::kClosing);
    EXPECT_FALSE(client->Receive().received);
  }
  EXPECT_EQ(access(server.path().c_str(), F_OK), -1);
}

TEST(a_refused_write_back_fails_the_close_of_the_server) {
  TestServer server;
  TestClient client(server.path(), true);
  client.word(0) = 11;
  server.store().SetScript([](StoreOp op, uint64_t, uint64_t) {
    return op == StoreOp::kWrite ? Status::Fail(EIO, "scripted trouble") : Status::Ok();
  });
  EXPECT_EQ(server.Close().error, EIO);
  server.store().SetScript(nullptr);
}

TEST(a_moved_mapping_goes_on_where_it_is) {
  TestServer server;
  TestClient client(server.path(), true);
  client.word(0) = 1;
  client.MoveAway();
  EXPECT_EQ(client.word(0), 1);
  client.word(kPage) = 2;
  EXPECT_EQ(client.word(2 * kPage), ScriptedStore::WordAt(2 * kPage));
  EXPECT_OK(client.Flush());
  EXPECT_EQ(server.store().Word(kPage), 2);
}

TEST(the_socket_has_its_permissions_and_replaces_a_dead_one_only) {
  const mode_t umask_before = umask(0);
  {
    TestServer server({.socket_mode = 0640});
    struct stat file;
    EXPECT_SYS(stat(server.path().c_str(), &file));
    EXPECT_EQ(file.st_mode & 07777, 0640);
    UniqueFd second;
    EXPECT_EQ(ListenUnix(server.path(), 0600, &second).error, EADDRINUSE);
    TestClient client(server.path(), false);
    EXPECT_EQ(client.word(0), ScriptedStore::WordAt(0));
  }
  umask(0777);
  SocketDirectory directory;
  UniqueFd first, second;
  EXPECT_OK(ListenUnix(directory.path(), 0666, &first));
  struct stat file;
  EXPECT_SYS(stat(directory.path().c_str(), &file));
  EXPECT_EQ(file.st_mode & 07777, 0666);
  first.Reset();
  EXPECT_OK(ListenUnix(directory.path(), 0600, &second));
  second.Reset();
  unlink(directory.path().c_str());
  UniqueFd ordinary(open(directory.path().c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(ListenUnix(directory.path(), 0600, &second).error, EADDRINUSE);
  EXPECT_EQ(access(directory.path().c_str(), F_OK), 0);
  umask(umask_before);
}

}  // namespace
}  // namespace umap::test
