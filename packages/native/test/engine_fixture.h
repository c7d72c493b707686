// What the engine's tests share: a data file with known bytes, a region over it, and operations
// that wait. Everything is given back at the end of a test. UMAP_FAULTS in the environment says in
// which way faults are taken (auto, userfaultfd, signal, in-thread); see ways.h.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "os/check.h"
#include "os/mutex.h"
#include "os/unique_fd.h"
#include "store/file_store.h"

namespace umap::test {

// An unnamed file; `direct` I/O needs one that lies on a disk.
class DataFile {
 public:
  explicit DataFile(uint64_t bytes, bool filled = true) : bytes_(bytes) {
    const char* directory = getenv("TMPDIR");
    fd_.Reset(open(directory ? directory : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    CHECK(fd_.valid());
    CHECK(ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0);
    if (!filled) return;
    std::vector<uint64_t> block(1 << 17);
    for (uint64_t offset = 0; offset < bytes;) {
      for (size_t i = 0; i < block.size(); i++) block[i] = WordAt(offset + i * 8);
      const uint64_t count = std::min<uint64_t>(block.size() * 8, bytes - offset);
      CHECK(pwrite(fd_.get(), block.data(), count, static_cast<off_t>(offset)) ==
            static_cast<ssize_t>(count));
      offset += count;
    }
  }

  // The 8 bytes at an offset that is a multiple of 8.
  static uint64_t WordAt(uint64_t offset) { return offset * 0x9e3779b97f4a7c15 + 1; }

  int fd() const { return fd_.get(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t Read(uint64_t offset) const {
    uint64_t word = 0;
    CHECK(pread(fd_.get(), &word, sizeof word, static_cast<off_t>(offset)) == sizeof word);
    return word;
  }

 private:
  uint64_t bytes_;
  UniqueFd fd_;
};

// Makes an operation with a callback one that waits.
template <typename Start>
Status Await(Start start) {
  Mutex mutex;
  CondVar changed;
  bool done = false;
  Status result;
  start([&](Status status) {
    MutexLock lock(mutex);
    result = std::move(status);
    done = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!done) changed.Wait(mutex);
  return result;
}

struct MapOptions {
  uint64_t page_bytes = 4096;
  bool writable = true;
  uint64_t offset = 0;
  uint64_t byte_length = 0;  // 0: to the end
  int64_t read_ahead_pages_max = -1;
  bool direct = false;
};

// What UMAP_FAULTS says.
inline FaultChoice ChosenWay() {
  const char* const text = getenv("UMAP_FAULTS");
  const std::string choice = text != nullptr && *text != '\0' ? text : "auto";
  if (choice == "userfaultfd") return FaultChoice::kUserfaultfd;
  if (choice == "signal") return FaultChoice::kSignal;
  if (choice == "in-thread") return FaultChoice::kInThread;
  CHECK(choice == "auto");
  return FaultChoice::kAuto;
}

inline std::shared_ptr<PageBuffer> BufferOf(uint64_t bytes) {
  BufferOptions options;
  options.budget_bytes = bytes;
  return CreateBuffer(options);
}

// A region for the time of a test.
class Mapped {
 public:
  Mapped(std::shared_ptr<Store> store, uint64_t byte_length, std::shared_ptr<PageBuffer> buffer,
         const MapOptions& options)
      : buffer_(std::move(buffer)) {
    RegionOptions region;
    region.store = std::move(store);
    region.buffer = buffer_;
    region.writable = options.writable;
    region.page_bytes = options.page_bytes;
    region.store_offset = options.offset;
    region.byte_length = options.byte_length ? options.byte_length : byte_length - options.offset;
    region.read_ahead_pages_max = options.read_ahead_pages_max;
    region.faults = ChosenWay();
    bytes_ = region.byte_length;
    const Status status = OpenRegion(region, &region_);
    if (!status.ok()) std::fprintf(stderr, "open: %s\n", status.message.c_str());
    CHECK(status.ok());
  }
  Mapped(const DataFile& file, std::shared_ptr<PageBuffer> buffer, const MapOptions& options = {})
      : Mapped(StoreOf(file, options), file.bytes(), std::move(buffer), options) {}
  ~Mapped() {
    if (region_) CHECK(Close().ok());
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  static std::shared_ptr<Store> StoreOf(const DataFile& file, const MapOptions& options) {
    FileStoreOptions store;
    store.fd = file.fd();
    store.direct = options.direct;
    store.byte_length = file.bytes();
    store.writable = options.writable;
    store.label = "test file";
    Status status;
    std::shared_ptr<Store> opened = OpenFileStore(store, &status);
    CHECK(status.ok());
    return opened;
  }

  volatile uint64_t* words() const { return reinterpret_cast<uint64_t*>(DataOf(*region_)); }
  uint8_t* data() const { return DataOf(*region_); }
  uint64_t bytes() const { return bytes_; }
  const std::shared_ptr<Region>& region() const { return region_; }
  RegionStats stats() const { return StatsOf(*region_); }

  Status Close() {
    const Status status = Await([&](Callback done) { umap::Close(region_, std::move(done)); });
    if (status.ok()) region_.reset();
    return status;
  }
  Status Flush() { return Flush({0, bytes_}); }
  Status Flush(ByteRange range) {
    return Await([&](Callback done) { umap::Flush(region_, range, std::move(done)); });
  }
  Status Evict() { return Evict({0, bytes_}); }
  Status Evict(ByteRange range) {
    return Await([&](Callback done) { umap::Evict(region_, range, std::move(done)); });
  }
  Status Discard(ByteRange range) {
    return Await([&](Callback done) { umap::Discard(region_, range, std::move(done)); });
  }
  Status Prefault(ByteRange range) {
    return Await([&](Callback done) { umap::Prefault(region_, {range}, std::move(done)); });
  }

 private:
  std::shared_ptr<PageBuffer> buffer_;
  std::shared_ptr<Region> region_;
  uint64_t bytes_ = 0;
};

}  // namespace umap::test
