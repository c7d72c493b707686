// A client's side of server mode against a server that does what the test says: what it asks, what
// it asks again after a restart, and how it ends the waiting where nobody comes back.
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "client/connection.h"
#include "client/silence.h"
#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/scripted_server.h"
#include "test/touch.h"

namespace umap::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{20'000};
constexpr milliseconds kShort{200};

struct Client {
  std::shared_ptr<Connection> connection;
  MappedDataset mapped;

  volatile uint64_t* Word(uint64_t page) const {
    return reinterpret_cast<volatile uint64_t*>(mapped.region->data() + page * kScriptedPageBytes);
  }
};

ConnectOptions OptionsFor(const ScriptedServer& server, milliseconds timeout) {
  ConnectOptions options;
  options.path = server.path();
  options.server_timeout = timeout;
  return options;
}

// Connects and maps, with the server's usual answers.
Client Open(ScriptedServer& server, bool writable, ConnectOptions options,
            uint32_t requests_max = 16) {
  Client client;
  std::thread served([&] {
    server.Greet(requests_max);
    server.Map(writable);
  });
  CHECK(Connection::Connect(options, &client.connection).ok());
  CHECK(client.connection->Map("points", writable, &client.mapped).ok());
  served.join();
  return client;
}

Client Open(ScriptedServer& server, bool writable, milliseconds timeout = kLong) {
  return Open(server, writable, OptionsFor(server, timeout));
}

// An operation with a callback as something to wait for.
template <typename Start>
std::future<Status> Begin(Start start) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto future = promise->get_future();
  start([promise](const Status& status) { promise->set_value(status); });
  return future;
}

// Closes the region as a server sees it that answers.
Status CloseOrderly(ScriptedServer& server, Client& client, bool writable) {
  auto closed = Begin([&](Callback done) { client.mapped.region->Close(std::move(done)); });
  wire::Header header;
  if (writable) {
    server.Expect<wire::Flush>(&header);
    server.Done(header.request);
  }
  server.Expect<wire::Detach>(&header);
  server.Done(header.request);
  const Status status = closed.get();
  client.connection->Release();
  return status;
}

uint64_t WordOf(uint8_t byte) { return 0x0101010101010101 * byte; }

TEST(a_client_maps_a_data_set_and_sees_the_pages_of_the_server) {
  ScriptedServer server;
  Client client = Open(server, true);
  server.Serve(10);
  EXPECT_EQ(*client.Word(3), WordOf(13));
  *client.Word(3) = 7;
  EXPECT_EQ(*reinterpret_cast<uint64_t*>(server.alias() + 3 * kScriptedPageBytes), 7);
  const uint64_t begin = server.address();
  EXPECT_OK(CloseOrderly(server, client, true));
  unsigned char resident;
  EXPECT_EQ(mincore(reinterpret_cast<void*>(begin), 1, &resident), -1);
  wire::Header header;
  EXPECT_FALSE(server.Next(&header));
}

TEST(writes_to_a_read_only_mapping_stay_with_the_client) {
  ScriptedServer server;
  Client client = Open(server, false);
  server.Serve(10);
  *client.Word(2) = 7;
  EXPECT_EQ(*client.Word(2), 7);
  EXPECT_EQ(server.alias()[2 * kScriptedPageBytes], 12);
  EXPECT_OK(CloseOrderly(server, client, false));
}

TEST(connecting_waits_for_a_server_that_is_being_started_again) {
  ScriptedServer server;
  server.StopListening();
  std::shared_ptr<Connection> connection;
  auto connected = std::async(std::launch::async, [&] {
    return Connection::Connect(OptionsFor(server, kLong), &connection);
  });
  server.Listen();
  server.Accept();
  server.Expect<wire::Hello>();
  server.Hang();
  server.Greet();
  EXPECT_OK(connected.get());
  connection->Release();
}

TEST(connecting_gives_up_where_nobody_listens) {
  ScriptedServer server;
  server.StopListening();
  std::shared_ptr<Connection> connection;
  const Status status = Connection::Connect(OptionsFor(server, kShort), &connection);
  EXPECT_EQ(status.error, kServerGone);
  EXPECT_TRUE(status.message.find(server.path()) != std::string::npos);
}

TEST(connecting_gives_up_where_the_server_says_nothing) {
  ScriptedServer server;
  std::shared_ptr<Connection> connection;
  const Status status = Connection::Connect(OptionsFor(server, kShort), &connection);
  EXPECT_EQ(status.error, kServerGone);
}

TEST(a_refusal_is_told_with_its_reason) {
  ScriptedServer server;
  std::shared_ptr<Connection> connection;
  auto connected = std::async(std::launch::async, [&] {
    return Connection::Connect(OptionsFor(server, kLong), &connection);
  });
  server.Accept();
  wire::Header header;
  server.Expect<wire::Hello>(&header);
  server.Send(0, wire::Goodbye{wire::GoodbyeReason::kRefused, "too many clients"});
  const Status status = connected.get();
  EXPECT_EQ(status.error, EACCES);
  EXPECT_TRUE(status.message.find("too many clients") != std::string::npos);
}

TEST(an_unknown_data_set_is_the_servers_own_error) {
  ScriptedServer server;
  std::shared_ptr<Connection> connection;
  std::thread served([&] {
    server.Greet();
    wire::Header header;
    EXPECT_EQ(server.Expect<wire::Map>(&header).name, "lines");
    server.Done(header.request, ENOENT, "no data set lines");
  });
  EXPECT_OK(Connection::Connect(OptionsFor(server, kLong), &connection));
  MappedDataset mapped;
  const Status status = connection->Map("lines", false, &mapped);
  served.join();
  EXPECT_EQ(status.error, ENOENT);
  EXPECT_TRUE(mapped.region == nullptr);
  connection->Release();
}

TEST(a_new_server_gets_the_pins_first_then_what_is_unanswered) {
  ScriptedServer server;
  Client client = Open(server, true);
  MappedRegion& region = *client.mapped.region;
  // 1. One pin that is answered, twice; one that was taken back; one that is not answered.
  wire::Header header;
  for (int i = 0; i < 2; i++) {
    auto pinned = std::async(std::launch::async, [&] { return region.Pin({4096, 100}); });
    server.Expect<wire::Pin>(&header);
    server.Done(header.request);
    EXPECT_OK(pinned.get());
  }
  auto other = std::async(std::launch::async, [&] { return region.Pin({8192, 100}); });
  server.Expect<wire::Pin>(&header);
  server.Done(header.request);
  EXPECT_OK(other.get());
  auto unanswered = std::async(std::launch::async, [&] { return region.Pin({0, 100}); });
  server.Expect<wire::Pin>(&header);
  const uint32_t pin_request = header.request;
  region.Unpin({8192, 100});
  server.Expect<wire::Unpin>(&header);
  auto flushed = Begin([&](Callback done) { region.Flush({0, 4096}, std::move(done)); });
  server.Expect<wire::Flush>(&header);
  const uint32_t flush_request = header.request;

  // 2. The server is replaced.
  server.Restart();
  for (int i = 0; i < 2; i++) {
    const wire::Pin pin = server.Expect<wire::Pin>(&header);
    EXPECT_EQ(pin.range.offset, 4096);
    EXPECT_EQ(header.generation, server.generation());
    server.Done(header.request);
  }
  server.Expect<wire::Resumed>(&header);
  EXPECT_EQ(header.request, 0);
  EXPECT_EQ(server.Expect<wire::Pin>(&header).range.offset, 0);
  EXPECT_EQ(header.request, pin_request);
  server.Done(header.request);
  server.Expect<wire::Flush>(&header);
  EXPECT_EQ(header.request, flush_request);
  EXPECT_EQ(header.generation, server.generation());
  server.Done(header.request, ENOSPC, "no space");
  EXPECT_OK(unanswered.get());
  EXPECT_EQ(flushed.get().error, ENOSPC);
  EXPECT_OK(CloseOrderly(server, client, true));
}

TEST(a_data_set_is_mapped_anew_where_the_next_server_does_not_know_of_it) {
  ScriptedServer server;
  Client client;
  std::thread served([&] {
    server.Greet();
    wire::Header header;
    server.Expect<wire::Map>(&header);
    server.Restart();
    server.Expect<wire::Resumed>();
    server.Expect<wire::Map>(&header);
    server.Done(header.request, ENOENT, "what was that?");
    server.Map(true);
  });
  EXPECT_OK(Connection::Connect(OptionsFor(server, kLong), &client.connection));
  EXPECT_OK(client.connection->Map("points", true, &client.mapped));
  served.join();
  server.Serve(10);
  EXPECT_EQ(*client.Word(1), WordOf(11));
  EXPECT_OK(CloseOrderly(server, client, true));
}

TEST(requests_that_the_server_does_not_take_yet_wait) {
  constexpr uint32_t kRequestsMax = 6;
  constexpr int kAsked = 20;
  ScriptedServer server;
  Client client = Open(server, true, OptionsFor(server, kLong), kRequestsMax);
  std::vector<std::future<Status>> flushes;
  for (int i = 0; i < kAsked; i++) {
    flushes.push_back(Begin(
        [&](Callback done) { client.mapped.region->Flush({0, 4096}, std::move(done)); }));
  }
  std::vector<uint32_t> open;
  wire::Header header;
  for (int answered = 0; answered < kAsked; answered++) {
    while (open.size() + static_cast<size_t>(answered) < kAsked && open.size() < kRequestsMax - 2) {
      server.Expect<wire::Flush>(&header);
      open.push_back(header.request);
    }
    EXPECT_FALSE(server.HasMessage());
    server.Done(open.back());
    open.pop_back();
  }
  for (auto& flush : flushes) EXPECT_OK(flush.get());
  EXPECT_OK(CloseOrderly(server, client, true));
}

TEST(a_page_that_the_server_cannot_fill_raises_errors_until_it_is_healed) {
  for (const uint64_t denied : {uint64_t{0}, uint64_t{UFFD_FEATURE_POISON}}) {
    ScriptedServer server;
    const SigbusCaught caught;
    CapturedStderr said;
    ConnectOptions options = OptionsFor(server, kLong);
    options.faults.features_denied = denied;
    Client client = Open(server, true, options);
    auto touched = std::async(std::launch::async, [&] {
      uint64_t seen = 0;
      return Touch(client.Word(2), &seen);
    });
    server.AwaitFault();
    const wire::Range range = {2 * kScriptedPageBytes, kScriptedPageBytes};
    server.Send(0, wire::Failed{kScriptedMapping, range, {EIO, false, "bad sector", {}}});
    EXPECT_FALSE(touched.get());
    EXPECT_EQ(ReadBySystemCall(client.Word(2)), EFAULT);
    EXPECT_TRUE(said.AwaitHas("cannot read data set points of the server at " + server.path() +
                         " at 8192: bad sector"));

    auto healed = Begin([&](Callback done) {
      client.mapped.region->Prefault({{range.offset, range.byte_length}}, std::move(done));
    });
    wire::Header header;
    server.Expect<wire::Prefault>(&header);
    server.Serve(10);
    if (denied == 0) server.MapIn(2, true);
    server.Done(header.request);
    EXPECT_OK(healed.get());
    EXPECT_EQ(*client.Word(2), WordOf(12));
    *client.Word(2) = 9;
    EXPECT_EQ(server.alias()[2 * kScriptedPageBytes], 9);
    EXPECT_OK(CloseOrderly(server, client, true));
  }
}

// How a server comes to be gone: it ends, says nothing any more, says goodbye, or talks nonsense.
void Leave(ScriptedServer& server, int how) {
  if (how == 0) server.Hang();
  if (how == 2) server.Send(0, wire::Goodbye{wire::GoodbyeReason::kClosing, "tea time"});
  if (how == 3) server.SendBytes(std::vector<uint8_t>(20, 0x55));
}

TEST(no_thread_waits_for_a_server_that_is_gone) {
  for (const uint64_t denied : {uint64_t{0}, uint64_t{UFFD_FEATURE_POISON}}) {
    for (int how = 0; how < 4; how++) {
      ScriptedServer server;
      const SigbusCaught caught;
      CapturedStderr said;
      ConnectOptions options = OptionsFor(server, how == 1 ? kShort : kLong);
      options.faults.features_denied = denied;
      Client client = Open(server, true, options);
      std::atomic<int> gone_events{0};
      client.mapped.region->Subscribe([&](const RegionEvent& event) {
        if (event.kind == EventKind::kServerGone) gone_events++;
      });
      // One page is protected, one has been taken away, one never was there.
      server.Serve(10, true);
      EXPECT_EQ(*client.Word(1), WordOf(11));
      EXPECT_EQ(*client.Word(2), WordOf(12));
      server.Punch(2);
      server.StopServing();
      const auto touch = [&](uint64_t page, bool write) {
        return std::async(std::launch::async, [&client, page, write] {
          uint64_t value = 99;
          return Touch(client.Word(page), &value, write ? &value : nullptr);
        });
      };
      auto writer = touch(1, true);
      auto reader = touch(2, false);
      auto stranger = touch(5, true);
      server.AwaitFault();
      auto flushed =
          Begin([&](Callback done) { client.mapped.region->Flush({0, 4096}, std::move(done)); });
      Leave(server, how);
      EXPECT_FALSE(writer.get());
      EXPECT_FALSE(reader.get());
      EXPECT_FALSE(stranger.get());
      EXPECT_FALSE(touch(6, false).get());
      EXPECT_EQ(flushed.get().error, kServerGone);
      EXPECT_EQ(gone_events.load(), 1);
      EXPECT_TRUE(said.AwaitHas("the server at " + server.path()));
      // What was written elsewhere stays as it was: nothing reaches it from here.
      EXPECT_EQ(server.alias()[kScriptedPageBytes], 11);

      // The first close says that the flush failed, the second ends the region.
      auto closed = Begin([&](Callback done) { client.mapped.region->Close(std::move(done)); });
      EXPECT_EQ(closed.get().error, kServerGone);
      closed = Begin([&](Callback done) { client.mapped.region->Close(std::move(done)); });
      EXPECT_OK(closed.get());
      MappedDataset again;
      EXPECT_EQ(client.connection->Map("points", true, &again).error, kServerGone);
      client.connection->Release();
    }
  }
}

TEST(statistics_that_do_not_come_are_the_last_ones) {
  ScriptedServer server;
  Client client = Open(server, true);
  auto stats = std::async(std::launch::async, [&] { return client.mapped.region->Stats(); });
  wire::Header header;
  server.Expect<wire::RegionStats>(&header);
  wire::RegionStatsReply reply;
  reply.faults = 12;
  server.Send(header.request, reply);
  EXPECT_EQ(stats.get().faults, 12);
  EXPECT_EQ(client.mapped.region->Stats().faults, 12);
  server.Expect<wire::RegionStats>(&header);
  EXPECT_OK(CloseOrderly(server, client, true));
}

TEST(silence_is_what_was_waited_for_not_what_the_clock_says) {
  Silence silence(milliseconds(1000));
  EXPECT_EQ(silence.Waited(milliseconds(100)), Silence::Verdict::kWait);
  EXPECT_EQ(silence.Waited(milliseconds(200)), Silence::Verdict::kAsk);
  // The process itself was stopped for an hour.
  EXPECT_EQ(silence.Waited(milliseconds(400)), Silence::Verdict::kWait);
  silence.Heard();
  EXPECT_EQ(silence.Waited(std::chrono::hours(1)), Silence::Verdict::kAsk);
  EXPECT_EQ(silence.Waited(milliseconds(999)), Silence::Verdict::kWait);
  EXPECT_EQ(silence.Waited(milliseconds(2)), Silence::Verdict::kGone);
}

}  // namespace
}  // namespace umap::test
