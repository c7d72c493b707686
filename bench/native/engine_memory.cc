// Our side: a region of the engine, linked without Node, with a buffer of its own.
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine_calls.h"
#include "fail.h"
#include "memory.h"

namespace umap::bench {
namespace {

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
    const Way& way = WayNamed(options.faults);
    EngineOptions engine;
    engine.kernel_faults_denied = way.user_mode;
    ConfigureEngine(engine);
    RegionOptions region;
    region.store = OpenStore(options);
    BufferOptions buffer;
    buffer.budget_bytes = options.buffer_bytes;
    buffer_ = region.buffer = CreateBuffer(buffer);
    region.writable = options.writable;
    region.page_bytes = options.page_bytes;
    region.byte_length = options.file_bytes;
    region.faults = way.choice;
    region_ = OpenOrFail(region);
    const char* const got = NameOf(StatsOf(*region_).fault_mode);
    if (way.choice != FaultChoice::kAuto && options.faults != got) {
      Fail("the region got %s instead of %s", got, options.faults.c_str());
    }
  }
  ~EngineMemory() override {
    Await("close", [&](Callback done) { Close(region_, std::move(done)); });
  }

  uint8_t* data() const override { return DataOf(*region_); }

  void BeginRandom(uint64_t byte_length) override {
    Await("prefault", [&](Callback done) {
      Prefault(region_, {{0, byte_length}}, std::move(done));
    });
  }

  void Announce(const std::vector<uint64_t>& offsets) override {
    std::vector<ByteRange> ranges;
    ranges.reserve(offsets.size());
    for (const uint64_t offset : offsets) ranges.push_back({offset & ~uint64_t{4095}, 4096});
    announced_.fetch_add(1);
    Prefault(region_, std::move(ranges), [this](Status status) {
      if (!status.ok()) Fail("prefault: %s", status.message.c_str());
      announced_.fetch_sub(1);
      announced_.notify_all();
    });
  }
  void Settle() override {
    for (uint32_t left; (left = announced_.load()) > 0;) announced_.wait(left);
  }

  void Flush() override {
    Await("flush", [&](Callback done) {
      umap::Flush(region_, {0, MappedBytesOf(*region_)}, std::move(done));
    });
  }

  uint64_t fills() const override { return StatsOf(*region_).fills; }

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
  std::atomic<uint32_t> announced_{0};
};

}  // namespace

std::unique_ptr<Memory> OpenEngineMemory(const Options& options) {
  return std::make_unique<EngineMemory>(options);
}

}  // namespace umap::bench
