// Our side: a region of the engine, linked without Node, with a buffer of its own.
#include <fcntl.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "fail.h"
#include "memory.h"
#include "os/unique_fd.h"
#include "store/file_store.h"

namespace umap::bench {
namespace {

// Starts an operation with a callback, and waits for its success.
template <typename Start>
void Await(const char* what, Start start) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  start([&](Status status) {
    if (!status.ok()) Fail("%s: %s", what, status.message.c_str());
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
}

struct Way {
  const char* name;
  FaultChoice choice;
  bool user_mode;
};

constexpr Way kWays[] = {
    {"auto", FaultChoice::kAuto, false},
    {"userfaultfd", FaultChoice::kUserfaultfd, false},
    {"userfaultfd-user-mode", FaultChoice::kUserfaultfd, true},
    {"signal", FaultChoice::kSignal, false},
    {"in-thread", FaultChoice::kInThread, false},
};

const Way& WayNamed(const std::string& name) {
  for (const Way& way : kWays) {
    if (name == way.name) return way;
  }
  Fail("--faults is auto, userfaultfd, userfaultfd-user-mode, signal or in-thread, not \"%s\"",
       name.c_str());
}

class EngineMemory final : public Memory {
 public:
  explicit EngineMemory(const Options& options) {
    // 1. The store, on a descriptor of its own.
    const int flags = (options.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
    const UniqueFd fd(Must(open(options.file.c_str(), flags), options.file.c_str()));
    FileStoreOptions store;
    store.fd = fd.get();
    store.direct = options.direct;
    store.byte_length = options.file_bytes;
    store.writable = options.writable;
    store.label = "the data file";
    Status status;
    RegionOptions region;
    region.store = OpenFileStore(store, &status);
    if (!status.ok()) Fail("%s", status.message.c_str());
    // 2. The region.
    const Way& way = WayNamed(options.faults);
    EngineOptions engine;
    engine.kernel_faults_denied = way.user_mode;
    ConfigureEngine(engine);
    BufferOptions buffer;
    buffer.budget_bytes = options.buffer_bytes;
    buffer_ = region.buffer = CreateBuffer(buffer);
    region.writable = options.writable;
    region.page_bytes = options.page_bytes;
    region.byte_length = options.file_bytes;
    region.faults = way.choice;
    status = OpenRegion(region, &region_);
    if (!status.ok()) Fail("%s", status.message.c_str());
    const char* const got = NameOf(StatsOf(*region_).fault_mode);
    if (way.choice != FaultChoice::kAuto && options.faults != got) {
      Fail("the region got %s instead of %s", got, options.faults.c_str());
    }
  }
  ~EngineMemory() override {
    Await("close", [&](Callback done) { Close(region_, std::move(done)); });
  }

  const uint8_t* data() const override { return DataOf(*region_); }

  void BeginRandom(uint64_t byte_length) override {
    Await("prefault", [&](Callback done) {
      Prefault(region_, {{0, byte_length}}, std::move(done));
    });
  }

  bool faults_are_signals() const override {
    return AnsweredOnThread(StatsOf(*region_).fault_mode);
  }

  void Check() const override {
    const BufferStats stats = StatsOf(*buffer_);
    if (stats.resident_bytes_max > stats.budget_bytes) {
      Fail("the buffer held %lu bytes of a budget of %lu", stats.resident_bytes_max,
           stats.budget_bytes);
    }
  }

 private:
  std::shared_ptr<PageBuffer> buffer_;
  std::shared_ptr<Region> region_;
};

}  // namespace

std::unique_ptr<Memory> OpenEngineMemory(const Options& options) {
  return std::make_unique<EngineMemory>(options);
}

}  // namespace umap::bench
