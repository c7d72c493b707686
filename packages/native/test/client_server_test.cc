// A client and a real server in one process: what regions promise holds for those whose pages a
// server has, and pages that fail do so for every client that asks for them.
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "client/connection.h"
#include "os/uffd_abi.h"
#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_fixture.h"
#include "test/touch.h"

namespace umap::test {
namespace {

// A client of this process with the data set mapped.
class OwnClient {
 public:
  OwnClient(const TestServer& server, bool writable, uint64_t features_denied = 0) {
    ConnectOptions options;
    options.path = server.path();
    options.faults.features_denied = features_denied;
    CHECK(Connection::Connect(options, &connection_).ok());
    const Status status = connection_->Map(kServedName, writable, &mapped_);
    if (!status.ok()) std::fprintf(stderr, "map: %s\n", status.message.c_str());
    CHECK(status.ok());
  }
  ~OwnClient() {
    if (mapped_.region) CHECK(Close().ok());
    connection_->Release();
  }
  OwnClient(const OwnClient&) = delete;
  OwnClient& operator=(const OwnClient&) = delete;

  Status Close() {
    const auto region = std::exchange(mapped_.region, nullptr);
    return Await([&](Callback done) { region->Close(std::move(done)); });
  }
  MappedRegion& region() { return *mapped_.region; }
  volatile uint64_t* Word(uint64_t offset) {
    return reinterpret_cast<volatile uint64_t*>(mapped_.region->data() + offset);
  }
  Status Evict() {
    return Await([&](Callback done) { region().Evict({0, kServedBytes}, std::move(done)); });
  }
  Status Flush() {
    return Await([&](Callback done) { region().Flush({0, kServedBytes}, std::move(done)); });
  }
  Status Prefault(std::vector<ByteRange> ranges) {
    return Await([&](Callback done) { region().Prefault(std::move(ranges), std::move(done)); });
  }

 private:
  std::shared_ptr<Connection> connection_;
  MappedDataset mapped_;
};

TEST(clients_of_one_process_share_what_they_write) {
  TestServer server;
  OwnClient first(server, true);
  OwnClient second(server, true);
  OwnClient reader(server, false);
  for (uint64_t offset = 0; offset < kServedBytes; offset += kServedPageBytes) {
    *first.Word(offset) = offset + 1;
  }
  EXPECT_OK(second.Flush());
  EXPECT_OK(first.Evict());
  for (uint64_t offset = 0; offset < kServedBytes; offset += kServedPageBytes) {
    EXPECT_EQ(*second.Word(offset), offset + 1);
    EXPECT_EQ(*reader.Word(offset), offset + 1);
  }
  EXPECT_GT(second.region().Stats().faults, 0);
}

TEST(more_ranges_than_a_message_has_are_prefaulted_all) {
  TestServer server;
  OwnClient client(server, true);
  std::vector<ByteRange> ranges;
  for (uint64_t i = 0; i < 2500; i++) ranges.push_back({i * 400 % kServedBytes, 100});
  EXPECT_OK(client.Prefault(ranges));
  const uint64_t faults = client.region().Stats().faults;
  for (const ByteRange& range : ranges) *client.Word(range.offset & ~uint64_t{7});
  EXPECT_EQ(client.region().Stats().faults, faults);
}

TEST(a_page_that_was_here_and_fails_now_raises_errors_until_it_is_healed) {
  for (const uint64_t denied : {uint64_t{0}, uint64_t{UFFD_FEATURE_POISON}}) {
    for (const bool writable : {false, true}) {
      // No server lets such a client write.
      if (denied != 0 && writable) continue;
      TestServer server;
      const SigbusCaught caught;
      OwnClient client(server, writable, denied);
      const uint64_t before = *client.Word(8192);
      EXPECT_OK(client.Evict());
      server.store().SetScript([](StoreOp op, uint64_t, uint64_t) {
        return op == StoreOp::kRead ? Status::Fail(EIO, "bad sector") : Status::Ok();
      });
      uint64_t seen = 0;
      EXPECT_FALSE(Touch(client.Word(8192), &seen));
      EXPECT_EQ(ReadBySystemCall(client.Word(8192)), EFAULT);
      EXPECT_EQ(client.Prefault({{8192, 8}}).error, EIO);
      EXPECT_FALSE(Touch(client.Word(8192), &seen));
      server.store().SetScript(nullptr);
      EXPECT_OK(client.Prefault({{8192, 8}}));
      EXPECT_TRUE(Touch(client.Word(8192), &seen));
      EXPECT_EQ(seen, before);
    }
  }
}

}  // namespace
}  // namespace umap::test
