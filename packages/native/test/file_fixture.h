// What the tests of the file store share: files that vanish with their test, calls that can be
// waited for, and system calls that fail on demand. For one *_test.cc a binary.
#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "os/unique_fd.h"
#include "store/file_store.h"

namespace umap::test {

inline std::string TempDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/tmp";
}

// A file without a name: nothing to clean up, whatever the test does.
inline UniqueFd TempFile(uint64_t byte_length, const std::string& directory = TempDirectory()) {
  std::string path = directory + "/umap-test-XXXXXX";
  UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd || unlink(path.c_str()) != 0 || ftruncate(fd.get(), static_cast<off_t>(byte_length))) {
    return UniqueFd();
  }
  return fd;
}

// Memory that starts at a page, as the engine's does.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t byte_length, uint8_t value = 0)
      : data_(static_cast<uint8_t*>(std::aligned_alloc(4096, (byte_length + 4096) / 4096 * 4096))),
        byte_length_(byte_length) {
    for (size_t i = 0; i < byte_length; ++i) data_.get()[i] = value;
  }
  uint8_t* data() const { return data_.get(); }
  size_t size() const { return byte_length_; }
  uint8_t& operator[](size_t index) const { return data_.get()[index]; }

 private:
  struct Free {
    void operator()(uint8_t* data) const { std::free(data); }
  };
  std::unique_ptr<uint8_t, Free> data_;
  size_t byte_length_;
};

// Bytes that tell where they belong and which write they came from.
inline uint8_t ByteAt(uint64_t offset, uint64_t salt) {
  const uint64_t mixed = (offset + 1) * 0x9e3779b97f4a7c15u + salt * 0xbf58476d1ce4e5b9u;
  return static_cast<uint8_t>(mixed >> 56);
}

class WaitedCall final : public StoreCall {
 public:
  void Done(StoreResult done) override {
    result = std::move(done);
    ++done_count;
  }
  StoreResult result;
  int done_count = 0;
};

inline StoreResult Run(Store* store, StoreOp op, uint64_t offset, uint64_t byte_length,
                       Iovecs iovecs) {
  WaitedCall call;
  call.op = op;
  call.offset = offset;
  call.byte_length = byte_length;
  call.iovecs = std::move(iovecs);
  store->Submit(&call);
  if (call.done_count != 1) return {Status::Fail(EPROTO, "Done was not called once")};
  return call.result;
}

inline StoreResult Read(Store* store, uint64_t offset, void* target, uint64_t byte_length) {
  return Run(store, StoreOp::kRead, offset, byte_length, {{target, byte_length}});
}

inline Status Write(Store* store, uint64_t offset, void* source, uint64_t byte_length) {
  return Run(store, StoreOp::kWrite, offset, byte_length, {{source, byte_length}}).status;
}

inline Status Flush(Store* store) { return Run(store, StoreOp::kFlush, 0, 0, {}).status; }

inline Status Discard(Store* store, uint64_t offset, uint64_t byte_length) {
  return Run(store, StoreOp::kDiscard, offset, byte_length, {}).status;
}

inline FileStoreOptions OptionsFor(int fd, uint64_t byte_length, bool direct = false) {
  FileStoreOptions options;
  options.fd = fd;
  options.byte_length = byte_length;
  options.direct = direct;
  options.writable = true;
  options.label = "points.f64";
  return options;
}

// Whether the temporary directory's file system does O_DIRECT; on some machines it is a tmpfs.
inline bool CanDirect() {
  const UniqueFd file = TempFile(4096);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 4096, true), &status);
  if (store == nullptr) std::printf("[no O_DIRECT in %s] ", TempDirectory().c_str());
  return store != nullptr;
}

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Runs `body` on a thread of its own, so that what it does to its thread ends with it.
inline void OnOwnThread(const std::function<void()>& body) { std::thread(body).join(); }

// From now on, system call `number` fails with `error` on this thread and on those it starts. Only
// for threads made by OnOwnThread: it cannot be taken back. false: seccomp cannot be had here.
inline bool FailSystemCall(long number, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

inline bool CanFailSystemCalls() {
  bool can = false;
  OnOwnThread([&] { can = FailSystemCall(SYS_fdatasync, EIO); });
  if (!can) std::printf("[needs seccomp] ");
  return can;
}

}  // namespace umap::test
