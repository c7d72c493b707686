// What the file store does when the file, the file system or the kernel refuses. Errors of system
// calls are real where that can be had (full tmpfs, truncated file), else injected by seccomp.
#include <sched.h>
#include <sys/mount.h>

#include <atomic>
#include <cstring>

#include "expect.h"
#include "file_fixture.h"
#include "store/file_store.h"
#include "store/file_sync.h"

namespace umap::test {
namespace {

void TruncationIsAnError(bool direct) {
  constexpr uint64_t kBytes = 200'000;
  const UniqueFd file = TempFile(kBytes);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, direct), &status);
  if (store == nullptr && direct) return;
  EXPECT_OK(status);
  const AlignedBytes bytes(131'072, 0x33);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 131'072));
  EXPECT_SYS(ftruncate(file.get(), 70'000));

  // Across the new end, beyond it, and in what was a hole.
  for (const uint64_t offset : {65'536, 131'072, 139'264}) {
    const StoreResult result = Read(store.get(), offset, bytes.data(), 32'768);
    EXPECT_EQ(result.status.error, ENODATA);
    EXPECT_FALSE(result.hole);
    EXPECT_TRUE(Contains(result.status.message, "points.f64 was truncated to 70000 bytes"));
    for (const MayWait may_wait : {MayWait::kNo, MayWait::kYes}) {
      const auto outcome = store->TryRead(offset, bytes.data(), 32'768, may_wait);
      EXPECT_EQ(outcome, TryReadOutcome::kWouldBlock);
    }
    EXPECT_EQ(Write(store.get(), offset, bytes.data(), 32'768).error, ENODATA);
  }
  struct stat about;
  EXPECT_SYS(fstat(file.get(), &about));
  EXPECT_EQ(about.st_size, 70'000);

  // What is still there works, and what comes back does again.
  EXPECT_OK(Read(store.get(), 0, bytes.data(), 65'536).status);
  EXPECT_SYS(ftruncate(file.get(), kBytes));
  EXPECT_OK(Write(store.get(), 131'072, bytes.data(), 65'536));
  EXPECT_OK(Read(store.get(), 65'536, bytes.data(), 131'072).status);
}

TEST(truncation_is_an_error_never_zeros) { TruncationIsAnError(false); }

TEST(truncation_is_an_error_never_zeros_direct) { TruncationIsAnError(true); }

TEST(calls_past_the_end_are_refused) {
  const UniqueFd file = TempFile(100'000);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 50'000), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(4096);
  EXPECT_EQ(Write(store.get(), 49'152, bytes.data(), 4096).error, EINVAL);
  EXPECT_EQ(Read(store.get(), 50'001, bytes.data(), 1).status.error, EINVAL);
  EXPECT_EQ(Discard(store.get(), UINT64_MAX - 10, 4096).error, EINVAL);
  EXPECT_OK(Write(store.get(), 49'152, bytes.data(), 848));
}

TEST(read_only_store_refuses_to_write) {
  const UniqueFd file = TempFile(8192);
  FileStoreOptions options = OptionsFor(file.get(), 8192);
  options.writable = false;
  Status status;
  const auto store = OpenFileStore(options, &status);
  EXPECT_OK(status);
  EXPECT_FALSE(store->traits().can_discard);
  const AlignedBytes bytes(4096);
  EXPECT_EQ(Write(store.get(), 0, bytes.data(), 4096).error, EROFS);
  EXPECT_EQ(Discard(store.get(), 0, 4096).error, EROFS);
  EXPECT_OK(Flush(store.get()));
}

TEST(unfit_descriptors_are_refused) {
  const UniqueFd file = TempFile(8192);
  Status status;
  EXPECT_TRUE(OpenFileStore(OptionsFor(file.get(), 8193), &status) == nullptr);
  EXPECT_EQ(status.error, EINVAL);
  EXPECT_TRUE(Contains(status.message, "points.f64 has 8192 bytes"));

  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const UniqueFd read_only(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(OpenFileStore(OptionsFor(read_only.get(), 8192), &status) == nullptr);
  EXPECT_EQ(status.error, EACCES);
  const UniqueFd write_only(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  for (const bool writable : {true, false}) {
    FileStoreOptions options = OptionsFor(write_only.get(), 8192);
    options.writable = writable;
    EXPECT_TRUE(OpenFileStore(options, &status) == nullptr);
    EXPECT_EQ(status.error, EACCES);
  }

  int ends[2];
  EXPECT_SYS(pipe2(ends, O_CLOEXEC));
  const UniqueFd reading(ends[0]), writing(ends[1]);
  EXPECT_TRUE(OpenFileStore(OptionsFor(reading.get(), 0), &status) == nullptr);
  EXPECT_EQ(status.error, EINVAL);
  EXPECT_TRUE(OpenFileStore(OptionsFor(-1, 0), &status) == nullptr);
  EXPECT_EQ(status.error, EBADF);
}

TEST(direct_is_refused_where_the_file_system_cannot) {
  // procfs, which never could. A tmpfs refuses before Linux 6.6, and from then on takes O_DIRECT.
  const UniqueFd file(open("/proc/version", O_RDONLY | O_CLOEXEC));
  FileStoreOptions options = OptionsFor(file.get(), 0, true);
  options.writable = false;
  Status status;
  EXPECT_TRUE(OpenFileStore(options, &status) == nullptr);
  EXPECT_EQ(status.error, EINVAL);
  EXPECT_EQ(status.message, "direct: true is not supported by the file system of points.f64");

  const UniqueFd memory = TempFile(10'000, "/dev/shm");
  if (!memory) return;
  const auto store = OpenFileStore(OptionsFor(memory.get(), 10'000, true), &status);
  if (store == nullptr) {
    EXPECT_EQ(status.error, EINVAL);
    return;
  }
  const AlignedBytes bytes(10'000, 0x44);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 10'000));
  const AlignedBytes target(10'000);
  EXPECT_OK(Read(store.get(), 0, target.data(), 10'000).status);
  EXPECT_EQ(std::memcmp(bytes.data(), target.data(), 10'000), 0);
}

TEST(full_file_system_is_retryable_and_the_retry_succeeds) {
  OnOwnThread([] {
    // A mount that only this thread sees and that goes with it.
    std::string directory = TempDirectory() + "/umap-full-XXXXXX";
    EXPECT_TRUE(mkdtemp(directory.data()) != nullptr);
    const bool mounted = unshare(CLONE_NEWNS) == 0 &&
                         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("umap", directory.c_str(), "tmpfs", 0, "size=1m") == 0;
    UniqueFd ballast = mounted ? TempFile(0, directory) : UniqueFd();
    const UniqueFd file = mounted ? TempFile(4 << 20, directory) : UniqueFd();
    if (mounted) umount2(directory.c_str(), MNT_DETACH);
    rmdir(directory.c_str());
    if (!mounted) {
      std::printf("[needs root] ");
      return;
    }

    EXPECT_SYS(posix_fallocate(ballast.get(), 0, 768 << 10) == 0 ? 0 : -1);
    Status status;
    const auto store = OpenFileStore(OptionsFor(file.get(), 4 << 20), &status);
    EXPECT_OK(status);
    const AlignedBytes bytes(512 << 10, 0x55);
    const Status full = Write(store.get(), 2 << 20, bytes.data(), bytes.size());
    EXPECT_EQ(full.error, ENOSPC);
    EXPECT_TRUE(full.retryable);
    EXPECT_TRUE(Contains(full.message, "write of 524288 bytes at offset 2097152 of points.f64"));
    EXPECT_TRUE(Contains(full.message, std::strerror(ENOSPC)));

    ballast.Reset();
    EXPECT_OK(Write(store.get(), 2 << 20, bytes.data(), bytes.size()));
    EXPECT_OK(Flush(store.get()));
    const AlignedBytes target(bytes.size());
    EXPECT_OK(Read(store.get(), 2 << 20, target.data(), target.size()).status);
    EXPECT_EQ(std::memcmp(bytes.data(), target.data(), target.size()), 0);
  });
}

TEST(io_errors_are_retryable_and_named) {
  if (!CanFailSystemCalls()) return;
  const UniqueFd file = TempFile(65'536);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 65'536), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(65'536, 0x66);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 65'536));
  OnOwnThread([&] {
    EXPECT_TRUE(FailSystemCall(SYS_pread64, EIO) && FailSystemCall(SYS_preadv, EIO) &&
                FailSystemCall(SYS_pwritev, EIO));
    const Status read = Read(store.get(), 4096, bytes.data(), 8192).status;
    EXPECT_EQ(read.error, EIO);
    EXPECT_TRUE(read.retryable);
    EXPECT_TRUE(Contains(read.message, "read of 8192 bytes at offset 4096 of points.f64: "));
    const Status write = Write(store.get(), 0, bytes.data(), 4096);
    EXPECT_EQ(write.error, EIO);
    EXPECT_TRUE(write.retryable);
  });
  EXPECT_OK(Read(store.get(), 4096, bytes.data(), 8192).status);
}

TEST(discard_writes_zeros_where_holes_cannot_be_punched) {
  if (!CanFailSystemCalls()) return;
  for (const bool direct : {false, true}) {
    constexpr uint64_t kBytes = 3'000'000;
    const UniqueFd file = TempFile(kBytes);
    Status status;
    const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, direct), &status);
    if (store == nullptr && direct) return;
    EXPECT_OK(status);
    const AlignedBytes bytes(kBytes, 0x77);
    EXPECT_OK(Write(store.get(), 0, bytes.data(), kBytes));
    OnOwnThread([&] {
      EXPECT_TRUE(FailSystemCall(SYS_fallocate, EOPNOTSUPP));
      EXPECT_OK(Discard(store.get(), 65'536, kBytes - 65'536));
    });
    EXPECT_FALSE(Read(store.get(), 0, bytes.data(), kBytes).hole);
    for (uint64_t i = 0; i < kBytes; ++i) {
      if (bytes[i] != (i < 65'536 ? 0x77 : 0)) EXPECT_EQ(i, kBytes);
    }
  }
}

TEST(reads_without_waiting_are_given_up_where_unknown) {
  if (!CanFailSystemCalls()) return;
  const UniqueFd file = TempFile(4096);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 4096), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(4096, 0x88);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 4096));
  OnOwnThread([&] {
    EXPECT_TRUE(FailSystemCall(SYS_preadv2, EOPNOTSUPP));
    EXPECT_EQ(store->TryRead(0, bytes.data(), 4096, MayWait::kNo), TryReadOutcome::kWouldBlock);
  });
  // Where it would work again: it is not asked again.
  EXPECT_EQ(store->TryRead(0, bytes.data(), 4096, MayWait::kNo), TryReadOutcome::kWouldBlock);
  EXPECT_EQ(store->TryRead(0, bytes.data(), 4096, MayWait::kYes), TryReadOutcome::kDone);
  EXPECT_OK(Read(store.get(), 0, bytes.data(), 4096).status);
}

TEST(works_without_proc_on_a_duplicate) {
  if (!CanFailSystemCalls()) return;
  UniqueFd file = TempFile(16'384);
  std::shared_ptr<Store> store;
  OnOwnThread([&] {
    EXPECT_TRUE(FailSystemCall(SYS_openat, ENOENT));
    Status status;
    store = OpenFileStore(OptionsFor(file.get(), 16'384), &status);
    EXPECT_OK(status);
    EXPECT_SYS(fcntl(file.get(), F_SETFL, O_APPEND));
    EXPECT_TRUE(OpenFileStore(OptionsFor(file.get(), 16'384), &status) == nullptr);
    EXPECT_TRUE(OpenFileStore(OptionsFor(file.get(), 16'384, true), &status) == nullptr);
    EXPECT_SYS(fcntl(file.get(), F_SETFL, 0));
  });
  EXPECT_SYS(lseek(file.get(), 99, SEEK_SET));
  const AlignedBytes bytes(4096, 0x99);
  EXPECT_OK(Read(store.get(), 0, bytes.data(), 4096).status);
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 99);
}

TEST(flush_without_writes_asks_nothing_of_the_disk) {
  if (!CanFailSystemCalls()) return;
  const UniqueFd file = TempFile(4096);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 4096), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(4096, 0xaa);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 4096));
  EXPECT_OK(Flush(store.get()));
  OnOwnThread([&] {
    EXPECT_TRUE(FailSystemCall(SYS_fdatasync, EIO));
    EXPECT_OK(Flush(store.get()));
    EXPECT_OK(Discard(store.get(), 0, 4096));
    EXPECT_EQ(Flush(store.get()).error, EIO);
  });
}

TEST(failed_flush_is_never_forgotten) {
  if (!CanFailSystemCalls()) return;
  const UniqueFd file = TempFile(4096);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 4096), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(4096, 0xbb);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 4096));
  OnOwnThread([&] {
    EXPECT_TRUE(FailSystemCall(SYS_fdatasync, EIO));
    const Status failed = Flush(store.get());
    EXPECT_EQ(failed.error, EIO);
    EXPECT_FALSE(failed.retryable);
    EXPECT_TRUE(Contains(failed.message, "points.f64"));
  });
  // fdatasync works again, and would say that all is well.
  EXPECT_EQ(Flush(store.get()).error, EIO);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 4096));
  EXPECT_EQ(Flush(store.get()).error, EIO);
}

// A kernel that reports its failure to the first fdatasync only. It takes its time, so that calls
// would meet in it if they could.
std::atomic<int> sync_calls = 0;
std::atomic<int> sync_running = 0;
std::atomic<int> sync_running_max = 0;

int FailOnce(int) {
  const int call = sync_calls++;
  const int running = ++sync_running;
  if (running > sync_running_max) sync_running_max = running;
  for (int i = 0; i < 1000; ++i) sched_yield();
  --sync_running;
  errno = EIO;
  return call == 0 ? -1 : 0;
}

TEST(flushes_at_the_same_time_all_learn_of_a_failure) {
  for (int round = 0; round < 5; ++round) {
    sync_calls = 0;
    FileSync sync(FailOnce);
    std::vector<int> errors(8);
    std::vector<std::thread> threads;
    for (int& error : errors) {
      threads.emplace_back([&] {
        sync.NoteWrite();
        error = sync.Sync(-1, "points.f64").error;
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int error : errors) EXPECT_EQ(error, EIO);
    EXPECT_EQ(sync_running_max, 1);
  }
}

}  // namespace
}  // namespace umap::test
