// A server of one region's pages, for tests of what it leaves behind when it dies: everything that
// outlives it is inherited, and lines on standard input tell it what to do. It answers with lines.
//
//   page_server PAGES STATES FILE PAGE_BYTES BUDGET_PAGES READ_AHEAD_PAGES FOLLOW CLIENT...
//
// PAGES, STATES, FILE: descriptors. FOLLOW: 1 where the clients are those of a dead server, else 0.
// CLIENT: USERFAULTFD:ADDRESS:WRITABLE of a mapping in another process.
#include <sys/stat.h>

#include <cinttypes>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "test/scripted_store.h"
#include "test/shared_fixture.h"

namespace umap::test {
namespace {

// A file store whose reads can be made to fail.
class BreakableStore final : public Store {
 public:
  explicit BreakableStore(std::shared_ptr<Store> inner) : inner_(std::move(inner)) {}
  void Break() { broken_ = true; }

  const StoreTraits& traits() const override { return inner_->traits(); }
  const std::string& label() const override { return inner_->label(); }
  TryReadOutcome TryRead(uint64_t offset, void* target, uint64_t byte_length,
                         MayWait may_wait) override {
    if (broken_) return TryReadOutcome::kWouldBlock;
    return inner_->TryRead(offset, target, byte_length, may_wait);
  }
  void Submit(StoreCall* call) override {
    if (broken_ && call->op == StoreOp::kRead) {
      call->Done({Status::Fail(EIO, "broken"), false});
    } else {
      inner_->Submit(call);
    }
  }

 private:
  const std::shared_ptr<Store> inner_;
  std::atomic<bool> broken_{false};
};

// One write(2) each, so that lines of several threads stay whole.
void Say(const std::string& line) {
  const std::string text = line + "\n";
  CHECK(write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

class PageServer {
 public:
  explicit PageServer(char** arguments) {
    pages_.pages.Reset(std::atoi(arguments[1]));
    pages_.states.Reset(std::atoi(arguments[2]));
    pages_.clients_follow = std::atoi(arguments[7]) != 0;
    const UniqueFd file(std::atoi(arguments[3]));
    struct stat info = {};
    CHECK(fstat(file.get(), &info) == 0);
    FileStoreOptions store;
    store.fd = file.get();
    store.byte_length = static_cast<uint64_t>(info.st_size);
    store.writable = true;
    store.label = "test file";
    Status status;
    store_ = std::make_shared<BreakableStore>(OpenFileStore(store, &status));
    CHECK(status.ok());
    RegionOptions region;
    region.store = store_;
    region.page_bytes = std::strtoull(arguments[4], nullptr, 0);
    buffer_ = BufferOf(std::strtoull(arguments[5], nullptr, 0) * region.page_bytes);
    region.buffer = buffer_;
    region.writable = true;
    region.byte_length = store.byte_length;
    region.read_ahead_pages_max = std::atoll(arguments[6]);
    region.faults = FaultChoice::kShared;
    region.shared = &pages_;
    CHECK(OpenRegion(region, &region_).ok());
    for (char** client = arguments + 8; *client; client++) Serve(*client);
    if (pages_.clients_follow) EndTakeOver(region_);
  }

  // False: the server has been closed.
  bool Obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb, point;
    ByteRange range{0, MappedBytesOf(*region_)};
    words >> verb;
    if (verb == "stop") {
      words >> point;
      SetTestPoint(point, [point] {
        Say("at " + point);
        for (;;) pause();
      });
      Say("ok 0");
      return true;
    }
    words >> range.offset >> range.byte_length;
    if (verb == "break") {
      store_->Break();
      Say("ok 0");
    } else if (verb == "release-pins") {
      ReleaseInheritedPins(region_);
      Say("ok 0");
    } else if (verb == "pin") {
      Say("ok " + std::to_string(Pin(region_, range).error));
    } else if (verb == "flush") {
      Flush(region_, range, Answer());
    } else if (verb == "evict") {
      Evict(region_, range, Answer());
    } else if (verb == "discard") {
      Discard(region_, range, Answer());
    } else if (verb == "prefault") {
      Prefault(region_, {range}, [this, range](Status status) {
        for (const auto& client : clients_) MapIntoClient(client->mapping(), range);
        Say("ok " + std::to_string(status.error));
      });
    } else {
      CHECK(verb == "close");
      for (const auto& client : clients_) client->Detach(false);
      const Status status = Await([&](Callback done) { Close(region_, std::move(done)); });
      Say("ok " + std::to_string(status.error));
      return false;
    }
    return true;
  }

 private:
  static Callback Answer() {
    return [](Status status) { Say("ok " + std::to_string(status.error)); };
  }

  void Serve(const char* client) {
    int uffd = -1, writable = 0;
    uint64_t address = 0;
    CHECK(std::sscanf(client, "%d:%" SCNu64 ":%d", &uffd, &address, &writable) == 3);
    clients_.push_back(std::make_unique<ServedClient>(
        region_, uffd,
        ServedClient::Options{.address = address,
                              .writable = writable != 0,
                              .taken_over = pages_.clients_follow,
                              .number = clients_.size() + 1}));
  }

  SharedPages pages_;
  std::shared_ptr<BreakableStore> store_;
  std::shared_ptr<PageBuffer> buffer_;
  std::shared_ptr<Region> region_;
  std::vector<std::unique_ptr<ServedClient>> clients_;
};

}  // namespace
}  // namespace umap::test

int main(int count, char** arguments) {
  using namespace umap::test;
  CHECK(count > 7);
  PageServer server(arguments);
  Say("ready");
  for (std::string line; std::getline(std::cin, line);) {
    if (!server.Obey(line)) return 0;
  }
  // Whoever started it is gone.
  _exit(1);
}
