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
#include "mapper/shared_mapper.h"
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

// As a client does that was told of a page; what is mapped there by then stays.
inline void PoisonMemory(int uffd, uint64_t begin, uint64_t bytes) {
  uffdio_poison poison = {{begin, bytes}, 0, 0};
  if (ioctl(uffd, UFFDIO_POISON, &poison) == 0) return;
  CHECK(errno == EEXIST);
  uffdio_range range = {begin, bytes};
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
  size_t client_count() const { return SharedMapper::CountClients(*region_); }
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

// What a server has of one client: its userfaultfd, a monitor that reads it, and the mapping.
class ServedClient {
 public:
  struct Options {
    uint64_t address = 0;
    bool writable = true;
    bool taken_over = false;
    uint64_t number = 1;
  };

  // `uffd`: the client's; this has a descriptor of its own.
  ServedClient(const std::shared_ptr<Region>& region, int uffd, const Options& options)
      : region_(region), bytes_(MappedBytesOf(*region)) {
    CHECK(ClientUserfaultfd::Adopt(UniqueFd(fcntl(uffd, F_DUPFD_CLOEXEC, 0)), &faults_).ok());
    stop_.Reset(eventfd(0, EFD_CLOEXEC));
    monitor_ = std::thread([this] { RunMonitor(); });
    Attach(options);
  }
  ~ServedClient() {
    if (mapping_) Detach();
    const uint64_t one = 1;
    CHECK(write(stop_.get(), &one, sizeof one) == sizeof one);
    monitor_.join();
  }
  ServedClient(const ServedClient&) = delete;
  ServedClient& operator=(const ServedClient&) = delete;

  ClientMapping& mapping() const { return *mapping_; }
  const std::shared_ptr<ClientLoad>& load() const { return load_; }
  const std::shared_ptr<const ClientUserfaultfd>& faults() const { return faults_; }
  // Pages that the client was told of.
  uint32_t failures() const { return failures_.load(); }

  void Detach(bool client_lives = true) {
    const auto mapping = std::exchange(mapping_, nullptr);
    {
      // No answer is under way.
      const std::lock_guard lock(mutex_);
      attached_ = nullptr;
    }
    DetachClient(mapping, client_lives);
  }

  // The monitor reads nothing for as long as this lives.
  using Deaf = std::unique_lock<std::mutex>;
  std::unique_ptr<Deaf> StopReading() { return std::make_unique<Deaf>(reading_); }
  bool HasMessages() const {
    pollfd wait = {faults_->fd(), POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }

 private:
  void Attach(const Options& options) {
    ClientMappingOptions attach;
    attach.faults = faults_;
    attach.address = options.address;
    attach.writable = options.writable;
    attach.taken_over = options.taken_over;
    attach.client = options.number;
    attach.load = load_;
    // The client does that, when it has the message.
    attach.on_failed = [this, address = options.address](PageIndex page, const Status&) {
      failures_.fetch_add(1);
      PoisonMemory(faults_->fd(), address + page * region_->page_bytes, region_->page_bytes);
    };
    const Status status = AttachClient(region_, attach, &mapping_);
    if (!status.ok()) std::fprintf(stderr, "attach: %s\n", status.message.c_str());
    CHECK(status.ok());
    const std::lock_guard lock(mutex_);
    attached_ = mapping_;
  }

  void RunMonitor() {
    std::vector<ClientMessage> messages(16);
    for (;;) {
      pollfd waits[2] = {{faults_->fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      poll(waits, 2, -1);
      if (waits[1].revents) return;
      const std::lock_guard reading(reading_);
      const int32_t count = faults_->Read(messages.data(), 16);
      for (int32_t i = 0; i < count; i++) Handle(messages[static_cast<size_t>(i)]);
    }
  }

  void Handle(const ClientMessage& message) {
    const std::lock_guard lock(mutex_);
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

  const std::shared_ptr<Region> region_;
  const uint64_t bytes_;
  std::shared_ptr<const ClientUserfaultfd> faults_;
  const std::shared_ptr<ClientLoad> load_ = std::make_shared<ClientLoad>();
  std::shared_ptr<ClientMapping> mapping_;
  std::mutex reading_;
  std::mutex mutex_;
  // What the monitor answers for, under the mutex.
  std::shared_ptr<ClientMapping> attached_;
  std::atomic<uint32_t> failures_{0};
  UniqueFd stop_;
  std::thread monitor_;
};

// A client's own side: the pages in this process's memory, and a userfaultfd for them.
class ClientMemory {
 public:
  ClientMemory(const SharedPages& pages, uint64_t bytes, bool writable)
      : writable_(writable), bytes_(bytes), uffd_(OpenClientUserfaultfd()) {
    CHECK(uffd_.valid());
    UniqueFd reading;
    if (!writable) CHECK(ReopenForReading(pages, &reading).ok());
    void* const data =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, writable ? MAP_SHARED : MAP_PRIVATE,
             writable ? pages.pages.get() : reading.get(), 0);
    CHECK(data != MAP_FAILED);
    CHECK(madvise(data, bytes, MADV_DONTFORK) == 0);
    data_ = static_cast<uint8_t*>(data);
  }
  ~ClientMemory() {
    // While it is registered, unmapping waits for a server that reads of it.
    uffdio_range range = {address(), bytes_};
    ioctl(uffd_.get(), UFFDIO_UNREGISTER, &range);
    munmap(data_, bytes_);
  }
  ClientMemory(const ClientMemory&) = delete;
  ClientMemory& operator=(const ClientMemory&) = delete;

  bool writable() const { return writable_; }
  int uffd() const { return uffd_.get(); }
  uint8_t* data() const { return data_; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(data_); }
  volatile uint64_t& word(uint64_t offset) const {
    return reinterpret_cast<volatile uint64_t*>(data_)[offset / 8];
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
  const bool writable_;
  const uint64_t bytes_;
  UniqueFd uffd_;
  uint8_t* data_ = nullptr;
};

// A client in this process, and what a server has of it.
class LocalClient {
 public:
  LocalClient(SharedRegion& region, bool writable, uint64_t number = 1)
      : memory_(region.pages(), region.mapped_bytes(), writable),
        served_(region.region(), memory_.uffd(),
                {.address = memory_.address(), .writable = writable, .number = number}) {}

  uint8_t* data() const { return memory_.data(); }
  volatile uint64_t& word(uint64_t offset) const { return memory_.word(offset); }
  ClientMemory& memory() { return memory_; }
  ServedClient& served() { return served_; }
  ClientMapping& mapping() const { return served_.mapping(); }

 private:
  ClientMemory memory_;
  ServedClient served_;
};

}  // namespace umap::test
