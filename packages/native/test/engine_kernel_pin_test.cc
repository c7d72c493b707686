// Pages that the kernel has pinned for I/O, here as a buffer registered with io_uring: it refuses
// to move them, and devices write them without a fault. Nothing of that may be lost.
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "os/mapping.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/stops.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kPages = 64;

// An io_uring with one registered buffer, enough to read a file into it.
class FixedBuffer {
 public:
  FixedBuffer() {
    io_uring_params params = {};
    fd_.Reset(static_cast<int>(syscall(SYS_io_uring_setup, 2, &params)));
    if (!fd_) return;
    sq_ = Map(params.sq_off.array + params.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
    cq_ = Map(params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
    sqes_ = Map(params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
    params_ = params;
  }

  // Some containers refuse io_uring.
  bool available() const { return fd_.valid(); }

  bool Register(void* memory, uint64_t bytes) {
    const iovec buffer = {memory, bytes};
    return syscall(SYS_io_uring_register, fd_.get(), IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
  }
  void Unregister() {
    CHECK(syscall(SYS_io_uring_register, fd_.get(), IORING_UNREGISTER_BUFFERS, nullptr, 0) == 0);
  }

  // Reads into the registered memory, as a device does: the process does not write it.
  int32_t Read(int file, uint64_t offset, void* memory, uint32_t bytes) {
    auto* const sqe = reinterpret_cast<io_uring_sqe*>(sqes_.data());
    *sqe = {};
    sqe->opcode = IORING_OP_READ_FIXED;
    sqe->fd = file;
    sqe->off = offset;
    sqe->addr = reinterpret_cast<uint64_t>(memory);
    sqe->len = bytes;
    *Word(sq_, params_.sq_off.array) = 0;
    std::atomic_ref(*Word(sq_, params_.sq_off.tail)).fetch_add(1);
    CHECK(syscall(SYS_io_uring_enter, fd_.get(), 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) == 1);
    const auto* cqes = reinterpret_cast<io_uring_cqe*>(cq_.data() + params_.cq_off.cqes);
    const uint32_t head = std::atomic_ref(*Word(cq_, params_.cq_off.head)).fetch_add(1);
    return cqes[head & *Word(cq_, params_.cq_off.ring_mask)].res;
  }

 private:
  // Unmapped with the descriptor's last user: the test's process.
  struct Ring {
    uint8_t* memory = nullptr;
    uint8_t* data() const { return memory; }
  };
  Ring Map(uint64_t bytes, uint64_t offset) const {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                              fd_.get(), static_cast<off_t>(offset));
    CHECK(memory != MAP_FAILED);
    return {static_cast<uint8_t*>(memory)};
  }
  static uint32_t* Word(const Ring& ring, uint32_t offset) {
    return reinterpret_cast<uint32_t*>(ring.data() + offset);
  }

  UniqueFd fd_;
  io_uring_params params_ = {};
  Ring sq_, cq_, sqes_;
};

// A region with one page that the kernel holds, clean as far as the engine knows.
struct Held {
  explicit Held(uint64_t page_bytes = kPage)
      : file(kPages * page_bytes),
        region(file, BufferOf(32 * page_bytes), {.page_bytes = page_bytes}) {
    memory = region.data() + 5 * page_bytes;
    CHECK(ring.Register(memory, page_bytes));
    EXPECT_OK(region.Flush());
  }

  FixedBuffer ring;
  DataFile file;
  Mapped region;
  uint8_t* memory = nullptr;
};

TEST(what_a_device_writes_into_a_page_that_the_kernel_keeps_is_flushed) {
  SKIP_IF(!ServesSystemCalls(), kNotServed);
  SKIP_IF(!FixedBuffer().available(), "io_uring is refused here");
  for (const uint64_t page_bytes : {kPage, 16 * kPage}) {
    Held held(page_bytes);
    // 1. A device writes: the engine cannot see it.
    const DataFile source(page_bytes);
    EXPECT_EQ(held.ring.Read(source.fd(), 0, held.memory, static_cast<uint32_t>(page_bytes)),
              static_cast<int32_t>(page_bytes));
    // 2. The kernel refuses to move the page out, so it stays, and counts as dirty.
    EXPECT_OK(held.region.Evict());
    EXPECT_TRUE(WordOf(held.region.region(), 5).state() == PageState::kDirty);
    EXPECT_EQ(held.region.stats().dirty_bytes, page_bytes);
    // 3. The next flush stores it.
    EXPECT_OK(held.region.Flush());
    for (uint64_t at = 0; at < page_bytes; at += 8) {
      EXPECT_EQ(held.file.Read(5 * page_bytes + at), DataFile::WordAt(at));
    }
    held.ring.Unregister();
    EXPECT_OK(held.region.Evict());
    EXPECT_EQ(held.region.stats().resident_bytes, 0u);
    EXPECT_EQ(held.region.words()[5 * page_bytes / 8], DataFile::WordAt(0));
  }
}

TEST(a_flush_waits_for_a_page_that_is_being_moved_back) {
  SKIP_IF(!ServesSystemCalls(), kNotServed);
  SKIP_IF(!FixedBuffer().available(), "io_uring is refused here");
  Held held;
  Stop stop("before-move-back");
  Aside evicting([&] { EXPECT_OK(held.region.Evict()); });
  stop.AwaitArrival();
  // The page is in the mapping, and may be written, while its eviction is not over.
  auto* const word = reinterpret_cast<volatile uint64_t*>(held.memory);
  Aside writing([&] { *word = 77; });
  Aside flushing([&] {
    writing.AwaitDone("the page is written");
    EXPECT_OK(held.region.Flush());
    EXPECT_EQ(held.file.Read(5 * kPage), 77u);
  });
  stop.Open();
  flushing.AwaitDone("the flush ends");
  held.ring.Unregister();
}

}  // namespace
}  // namespace umap::test
