// The rival: the file mapped by the kernel, with the advice that its name says. How much memory it
// gets is the business of the cgroup that the program runs in.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail.h"
#include "memory.h"
#include "os/unique_fd.h"

namespace umap::bench {
namespace {

class MmapMemory final : public Memory {
 public:
  explicit MmapMemory(const Options& options)
      : bytes_(options.file_bytes),
        random_(options.memory == "mmap-random" || options.memory == "mmap-willneed"),
        passes_on_(options.memory == "mmap-willneed"),
        fd_(Must(open(options.file.c_str(), (options.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC),
                 "open")) {
    const int protection = PROT_READ | (options.writable ? PROT_WRITE : 0);
    data_ = mmap(nullptr, bytes_, protection, MAP_SHARED, fd_.get(), 0);
    if (data_ == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
    if (options.memory == "mmap-sequential") Advise(MADV_SEQUENTIAL);
  }
  ~MmapMemory() override { munmap(data_, bytes_); }

  uint8_t* data() const override { return static_cast<uint8_t*>(data_); }

  // The advice comes last: filling in order would be slow with it for no reason.
  void BeginRandom(uint64_t byte_length) override {
    for (uint64_t offset = 0; offset < byte_length; offset += 4096) {
      *static_cast<const volatile uint8_t*>(data() + offset);
    }
    if (random_) Advise(MADV_RANDOM);
  }

  void Announce(const std::vector<uint64_t>& offsets) override {
    if (!passes_on_) return;
    for (const uint64_t offset : offsets) {
      Must(madvise(data() + (offset & ~uint64_t{4095}), 4096, MADV_WILLNEED), "madvise");
    }
  }

  void Flush() override {
    Must(msync(data_, bytes_, MS_SYNC), "msync");
    Must(fdatasync(fd_.get()), "fdatasync");
  }

 private:
  void Advise(int advice) const { Must(madvise(data_, bytes_, advice), "madvise"); }

  uint64_t bytes_;
  bool random_;
  bool passes_on_;
  UniqueFd fd_;
  void* data_ = nullptr;
};

}  // namespace

std::unique_ptr<Memory> OpenMmapMemory(const Options& options) {
  return std::make_unique<MmapMemory>(options);
}

}  // namespace umap::bench
