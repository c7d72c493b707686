// The floor: what a fault costs when nothing is remembered about it. One handler thread reads one
// message, reads the page with pread, and copies it in. It blocks in read(), or it spins.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/uffd_abi.h"
#include "os/unique_fd.h"

namespace umap::bench {
namespace {

class Floor {
 public:
  explicit Floor(const Options& options)
      : bytes_(options.file_bytes),
        page_bytes_(options.page_bytes),
        spins_(options.memory == "floor-spin"),
        file_(Must(open(options.file.c_str(), O_RDONLY | O_CLOEXEC), "open")),
        page_(options.page_bytes) {
    // 1. A descriptor; a spinning handler must not block in it.
    const int flags = O_CLOEXEC | (spins_ ? O_NONBLOCK : 0);
    uffd_.Reset(static_cast<int>(Must(syscall(SYS_userfaultfd, flags), "userfaultfd")));
    uffdio_api api = {UFFD_API, 0, 0};
    Must(ioctl(uffd_.get(), UFFDIO_API, &api), "UFFDIO_API");
    // 2. Memory without pages, whose faults it reports.
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data_ == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
    Must(madvise(data_, bytes_, MADV_NOHUGEPAGE), "madvise");
    uffdio_register range = {{reinterpret_cast<uint64_t>(data_), bytes_},
                             UFFDIO_REGISTER_MODE_MISSING, 0};
    Must(ioctl(uffd_.get(), UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
    // 3. Who answers.
    std::thread([this] { Answer(); }).detach();
  }

  uint8_t* data() const { return static_cast<uint8_t*>(data_); }

 private:
  void Answer() {
    for (;;) {
      uffd_msg message;
      const ssize_t bytes = read(uffd_.get(), &message, sizeof message);
      if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (bytes != sizeof message) Fail("read of the userfaultfd: %s", std::strerror(errno));
      const uint64_t address = message.arg.pagefault.address & ~(page_bytes_ - 1);
      const uint64_t offset = address - reinterpret_cast<uint64_t>(data_);
      Must(pread(file_.get(), page_.data(), page_bytes_, static_cast<off_t>(offset)), "pread");
      uffdio_copy copy = {address, reinterpret_cast<uint64_t>(page_.data()), page_bytes_, 0, 0};
      Must(ioctl(uffd_.get(), UFFDIO_COPY, &copy), "UFFDIO_COPY");
    }
  }

  uint64_t bytes_;
  uint64_t page_bytes_;
  bool spins_;
  UniqueFd file_;
  UniqueFd uffd_;
  std::vector<uint8_t> page_;
  void* data_ = nullptr;
};

class FloorMemory final : public Memory {
 public:
  explicit FloorMemory(const Options& options) : floor_(*new Floor(options)) {}
  uint8_t* data() const override { return floor_.data(); }
  // There is no buffer.
  void BeginRandom(uint64_t) override {}

 private:
  // Never deleted: its handler thread blocks in read() until the process ends.
  Floor& floor_;
};

}  // namespace

std::unique_ptr<Memory> OpenFloorMemory(const Options& options) {
  return std::make_unique<FloorMemory>(options);
}

}  // namespace umap::bench
