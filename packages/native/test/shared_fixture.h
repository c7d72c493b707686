// What the tests of shared regions share: a region whose pages others map, and clients in this
// process, each a mapping and a userfaultfd of its own with a monitor that reads it, as a server
// has one for each client.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/shared_region.h"
#include "os/check.h"
#include "os/uffd_abi.h"
#include "page/region.h"
#include "test/engine_fixture.h"

namespace umap::test {

// As a client opens it; invalid where the machine has none that is good for this.
inline UniqueFd OpenClientUserfaultfd() {
  UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  uffdio_api api = {UFFD_API,
                    UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |
                        UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
                        UFFD_FEATURE_POISON | UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EVENT_REMAP |
                        UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP,
                    0};
  if (!fd || ioctl(fd.get(), UFFDIO_API, &api) != 0) return UniqueFd();
  return fd;
}

inline void PoisonMemory(int uffd, void* begin, uint64_t bytes) {
  uffdio_poison poison = {{reinterpret_cast<uint64_t>(begin), bytes}, 0, 0};
  if (ioctl(uffd, UFFDIO_POISON, &poison) == 0) return;
  CHECK(errno == EEXIST);
  uffdio_range range = {reinterpret_cast<uint64_t>(begin), bytes};
  CHECK(ioctl(uffd, UFFDIO_WAKE, &range) == 0);
}

// A region over pages that others map.
class SharedRegion {
 public:
  // `used`: pages that another region left behind.
  SharedRegion(std::shared_ptr<Store> store, uint64_t byte_length,
               std::shared_ptr<PageBuffer> buffer, const MapOptions& options,
               SharedPages* used = nullptr)
      : bytes_(byte_length), buffer_(std::move(buffer)) {
    if (used) {
      pages_ = std::move(*used);
    } else {
      CHECK(CreateSharedPages(byte_length, options.page_bytes, &pages_).ok());
    }
    RegionOptions region;
    region.store = std::move(store);
    region.buffer = buffer_;
    region.writable = options.writable;
    region.page_bytes = options.page_bytes;
    region.byte_length = byte_length;
    region.read_ahead_pages_max = options.read_ahead_pages_max;
    region.faults = FaultChoice::kShared;
    region.shared = &pages_;
    const Status status = OpenRegion(region, &region_);
    if (!status.ok()) std::fprintf(stderr, "open: %s\n", status.message.c_str());
    CHECK(status.ok());
  }
  ~SharedRegion() {
    if (region_) CHECK(Close().ok());
  }
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  const std::shared_ptr<Region>& region() const { return region_; }
  const SharedPages& pages() const { return pages_; }
  uint64_t bytes() const { return bytes_; }
  // Whole pages.
  uint64_t mapped_bytes() const { return MappedBytesOf(*region_); }
  RegionStats stats() const { return StatsOf(*region_); }
  BufferStats buffer_stats() const { return StatsOf(*buffer_); }

  Status Close() {
    const Status status = Await([&](Callback done) { umap::Close(region_, std::move(done)); });
    if (status.ok()) region_.reset();
    return status;
  }
  Status Flush() {
    return Await([&](Callback done) { umap::Flush(region_, {0, bytes_}, std::move(done)); });
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
  const uint64_t bytes_;
  std::shared_ptr<PageBuffer> buffer_;
  SharedPages pages_;
  std::shared_ptr<Region> region_;
};

// A client in this process. Its monitor runs from Start on.
class LocalClient {
 public:
  LocalClient(SharedRegion& region, bool writable, uint64_t number = 1)
      : region_(region), writable_(writable), number_(number) {
    uffd_ = OpenClientUserfaultfd();
    CHECK(uffd_.valid());
    CHECK(ClientUserfaultfd::Adopt(UniqueFd(dup(uffd_.get())), &faults_).ok());
    Map();
    StartMonitor();
    Attach(false);
  }
  ~LocalClient() {
    if (mapping_) Detach();
    StopMonitor();
    if (data_) munmap(data_, bytes_);
  }
  LocalClient(const LocalClient&) = delete;
  LocalClient& operator=(const LocalClient&) = delete;

  uint8_t* data() const { return data_; }
  volatile uint64_t* words() const { return reinterpret_cast<uint64_t*>(data_); }
  volatile uint64_t& word(uint64_t offset) const { return words()[offset / 8]; }
  int uffd() const { return uffd_.get(); }
  ClientMapping& mapping() const { return *mapping_; }
  const std::shared_ptr<ClientLoad>& load() const { return load_; }
  uint32_t failures() const { return failures_.load(); }
  // The monitor has read this many messages.
  uint64_t messages() const { return messages_.load(); }

  void Detach() {
    const auto mapping = std::exchange(mapping_, nullptr);
    {
      // No answer is under way.
      const std::lock_guard lock(mutex_);
      attached_ = nullptr;
    }
    DetachClient(mapping, true);
  }
  // Moves the mapping to another address, as mremap(2) does.
  void MoveAway() {
    void* const place = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(place != MAP_FAILED);
    void* const moved = mremap(data_, bytes_, bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moved == place);
    data_ = static_cast<uint8_t*>(moved);
  }

 private:
  void Map() {
    bytes_ = region_.mapped_bytes();
    UniqueFd reading;
    if (!writable_) CHECK(ReopenForReading(region_.pages(), &reading).ok());
    void* const data = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                            writable_ ? MAP_SHARED : MAP_PRIVATE,
                            writable_ ? region_.pages().pages.get() : reading.get(), 0);
    CHECK(data != MAP_FAILED);
    CHECK(madvise(data, bytes_, MADV_DONTFORK) == 0);
    data_ = static_cast<uint8_t*>(data);
  }

  void Attach(bool taken_over) {
    ClientMappingOptions options;
    options.faults = faults_;
    options.address = reinterpret_cast<uint64_t>(data_);
    options.writable = writable_;
    options.taken_over = taken_over;
    options.client = number_;
    options.load = load_;
    // Not where it is told: a client hears of it by a message.
    options.on_failed = [this](PageIndex page, const Status&) {
      failures_.fetch_add(1);
      const uint64_t page_bytes = region_.region()->page_bytes;
      PoisonMemory(uffd_.get(), data_ + page * page_bytes, page_bytes);
    };
    const Status status = AttachClient(region_.region(), options, &mapping_);
    if (!status.ok()) std::fprintf(stderr, "attach: %s\n", status.message.c_str());
    CHECK(status.ok());
    const std::lock_guard lock(mutex_);
    attached_ = mapping_;
  }

  void StartMonitor() {
    stop_.Reset(eventfd(0, EFD_CLOEXEC));
    monitor_ = std::thread([this] { RunMonitor(); });
  }
  void StopMonitor() {
    const uint64_t one = 1;
    CHECK(write(stop_.get(), &one, sizeof one) == sizeof one);
    monitor_.join();
  }
  void RunMonitor() {
    std::vector<ClientMessage> messages(16);
    for (;;) {
      pollfd waits[2] = {{faults_->fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      poll(waits, 2, -1);
      if (waits[1].revents) return;
      const int32_t count = faults_->Read(messages.data(), 16);
      for (int32_t i = 0; i < count; i++) Handle(messages[static_cast<size_t>(i)]);
    }
  }
  void Handle(const ClientMessage& message) {
    const std::lock_guard lock(mutex_);
    messages_.fetch_add(1);
    if (!attached_) return;
    const uint64_t address = attached_->address();
    switch (message.kind) {
      case ClientMessage::Kind::kFault:
        AnswerClientFault(*attached_, message.fault);
        break;
      case ClientMessage::Kind::kMoved:
        if (message.begin == address) MoveClient(*attached_, message.to);
        break;
      case ClientMessage::Kind::kRemoved:
      case ClientMessage::Kind::kUnmapped:
        if (message.begin >= address && message.begin < address + bytes_) {
          ForgetClientRange(*attached_, message.begin - address, message.bytes);
        }
        break;
      default:
        break;
    }
  }

  SharedRegion& region_;
  const bool writable_;
  const uint64_t number_;
  uint64_t bytes_ = 0;
  uint8_t* data_ = nullptr;
  UniqueFd uffd_;
  std::shared_ptr<const ClientUserfaultfd> faults_;
  const std::shared_ptr<ClientLoad> load_ = std::make_shared<ClientLoad>();
  std::shared_ptr<ClientMapping> mapping_;
  std::mutex mutex_;
  // What the monitor answers for, under the mutex.
  std::shared_ptr<ClientMapping> attached_;
  std::atomic<uint32_t> failures_{0};
  std::atomic<uint64_t> messages_{0};
  UniqueFd stop_;
  std::thread monitor_;
};

}  // namespace umap::test
