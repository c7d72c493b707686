// What needs no pager: all of the file read into ordinary memory before the work, and written back
// after it. For machines that have the room.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "fail.h"
#include "memory.h"
#include "os/unique_fd.h"

namespace umap::bench {
namespace {

constexpr uint64_t kCallBytes = 8 << 20;

class AnonymousMemory final : public Memory {
 public:
  explicit AnonymousMemory(const Options& options)
      : bytes_(options.file_bytes),
        fd_(Must(open(options.file.c_str(), (options.writable ? O_RDWR : O_RDONLY) | O_CLOEXEC),
                 "open")) {
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) Fail("mmap: %s", std::strerror(errno));
    ForEachCall([&](uint8_t* from, uint64_t bytes, off_t offset) {
      return pread(fd_.get(), from, bytes, offset);
    });
  }
  ~AnonymousMemory() override { munmap(data_, bytes_); }

  uint8_t* data() const override { return static_cast<uint8_t*>(data_); }
  void BeginRandom(uint64_t) override {}

  void Flush() override {
    ForEachCall([&](const uint8_t* from, uint64_t bytes, off_t offset) {
      return pwrite(fd_.get(), from, bytes, offset);
    });
    Must(fdatasync(fd_.get()), "fdatasync");
  }

 private:
  template <typename Call>
  void ForEachCall(Call call) {
    for (uint64_t offset = 0; offset < bytes_; offset += kCallBytes) {
      const uint64_t bytes = std::min(kCallBytes, bytes_ - offset);
      if (call(data() + offset, bytes, static_cast<off_t>(offset)) !=
          static_cast<ssize_t>(bytes)) {
        Fail("cannot read or write the data file: %s", std::strerror(errno));
      }
    }
  }

  uint64_t bytes_;
  UniqueFd fd_;
  void* data_ = nullptr;
};

}  // namespace

std::unique_ptr<Memory> OpenAnonymousMemory(const Options& options) {
  return std::make_unique<AnonymousMemory>(options);
}

}  // namespace umap::bench
