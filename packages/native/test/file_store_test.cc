// The file store at the edges of files: every size, tails, unaligned memory, holes, buffered and
// direct. Failures have file_store_faults_test.cc.
#include "store/file_store.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "expect.h"
#include "file_fixture.h"
#include "store/file_io.h"

namespace umap::test {
namespace {

void EverySizeKeepsItsTail(bool direct) {
  for (const uint64_t byte_length :
       {0, 1, 511, 512, 513, 4095, 4096, 4097, 8191, 65535, 65536, 65537, 131'072, 262'143}) {
    // The file goes on after the store's end: that part must stay as it is.
    const UniqueFd file = TempFile(byte_length);
    const std::string guard(5000, 'g');
    EXPECT_EQ(pwrite(file.get(), guard.data(), guard.size(), static_cast<off_t>(byte_length)),
              static_cast<ssize_t>(guard.size()));
    Status status;
    const auto store = OpenFileStore(OptionsFor(file.get(), byte_length, direct), &status);
    EXPECT_OK(status);
    EXPECT_EQ(store->traits().direct, direct);
    for (const uint64_t salt : {1, 2}) {
      const AlignedBytes source(byte_length);
      for (uint64_t i = 0; i < byte_length; ++i) source[i] = ByteAt(i, salt);
      EXPECT_OK(Write(store.get(), 0, source.data(), byte_length));
      if (salt == 2) EXPECT_OK(Flush(store.get()));
      const AlignedBytes target(byte_length);
      EXPECT_OK(Read(store.get(), 0, target.data(), byte_length).status);
      EXPECT_EQ(std::memcmp(source.data(), target.data(), byte_length), 0);
    }
    std::string after(guard.size() + 1, ' ');
    EXPECT_EQ(pread(file.get(), after.data(), after.size(), static_cast<off_t>(byte_length)),
              static_cast<ssize_t>(guard.size()));
    EXPECT_EQ(after, guard + ' ');
  }
}

TEST(every_size_keeps_its_tail) { EverySizeKeepsItsTail(false); }

TEST(every_size_keeps_its_tail_direct) {
  if (CanDirect()) EverySizeKeepsItsTail(true);
}

TEST(direct_takes_unaligned_memory_and_offsets) {
  if (!CanDirect()) return;
  constexpr uint64_t kBytes = 100'000;
  const UniqueFd file = TempFile(kBytes);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, true), &status);
  EXPECT_OK(status);
  const AlignedBytes source(kBytes);
  for (uint64_t i = 0; i < kBytes; ++i) source[i] = ByteAt(i, 3);
  EXPECT_OK(Write(store.get(), 0, source.data(), 7));
  EXPECT_OK(Write(store.get(), 7, source.data() + 7, 9000));
  // Aligned, then a piece that is not, then aligned memory at an unaligned place.
  EXPECT_OK(Run(store.get(), StoreOp::kWrite, 4096, kBytes - 4096,
                {{source.data() + 4096, 8192}, {source.data() + 12288, 100},
                 {source.data() + 12388, kBytes - 12388}}).status);
  // A length that is not aligned, and aligned memory after it.
  const AlignedBytes piece(8192);
  std::memcpy(piece.data(), source.data() + 8192 + 4196, 8192);
  EXPECT_OK(Run(store.get(), StoreOp::kWrite, 8192, 12'388,
                {{source.data() + 8192, 4196}, {piece.data(), 8192}}).status);
  const AlignedBytes target(kBytes + 1);
  EXPECT_OK(Read(store.get(), 0, target.data() + 1, kBytes).status);
  EXPECT_EQ(std::memcmp(source.data(), target.data() + 1, kBytes), 0);
  EXPECT_OK(Read(store.get(), 4096, target.data(), 40'960).status);
  EXPECT_EQ(std::memcmp(source.data() + 4096, target.data(), 40'960), 0);
}

TEST(more_iovecs_than_a_call_takes) {
  constexpr uint64_t kCount = 3000;
  const UniqueFd file = TempFile(kCount * 16);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kCount * 16), &status);
  EXPECT_OK(status);
  const AlignedBytes source(kCount * 16);
  const AlignedBytes target(kCount * 16);
  Iovecs from, to;
  for (uint64_t i = 0; i < kCount; ++i) {
    for (uint64_t k = 0; k < 16; ++k) source[i * 16 + k] = ByteAt(i * 16 + k, 4);
    from.push_back({&source[i * 16], 16});
    from.push_back({nullptr, 0});
    to.push_back({&target[i * 16], 16});
  }
  EXPECT_OK(Run(store.get(), StoreOp::kWrite, 0, kCount * 16, from).status);
  EXPECT_OK(Run(store.get(), StoreOp::kRead, 0, kCount * 16, to).status);
  EXPECT_EQ(std::memcmp(source.data(), target.data(), source.size()), 0);
}

TEST(cursor_goes_on_after_any_count) {
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 200; ++round) {
    std::vector<char> memory(4000);
    std::vector<iovec> iovecs;
    for (size_t at = 0; at < memory.size();) {
      const size_t length = std::min<size_t>(random() % 9, memory.size() - at);
      iovecs.push_back({memory.data() + at, length});
      at += length;
    }
    IovecCursor cursor(iovecs);
    for (size_t done = 0; done < memory.size();) {
      const size_t bytes_max = 1 + random() % 700;
      size_t offered = 0;
      for (const iovec& part : cursor.Next(bytes_max)) {
        EXPECT_TRUE(part.iov_len == 0 || part.iov_base == memory.data() + done + offered);
        offered += part.iov_len;
      }
      EXPECT_TRUE(offered > 0 && offered <= bytes_max);
      const size_t advance = 1 + random() % offered;
      cursor.Advance(advance);
      done += advance;
    }
    EXPECT_TRUE(cursor.Next(1).empty());
  }
}

void SparseTerabyte(bool direct) {
  constexpr uint64_t kBytes = (uint64_t{1} << 40) + 777;
  constexpr uint64_t kFar = (uint64_t{5} << 30) + 65536;
  const UniqueFd file = TempFile(kBytes);
  EXPECT_TRUE(file.valid());
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, direct), &status);
  EXPECT_OK(status);
  const AlignedBytes page(65536, 0xaa);
  EXPECT_EQ(store->TryRead(kFar, page.data(), 65536, MayWait::kNo), TryReadOutcome::kHole);
  EXPECT_OK(Write(store.get(), kFar, page.data(), 65536));
  EXPECT_OK(Write(store.get(), kBytes - 777, page.data(), 777));

  const AlignedBytes target(65536, 0xbb);
  EXPECT_TRUE(Read(store.get(), kFar - 65536, target.data(), 65536).hole);
  EXPECT_EQ(target[0], 0xbb);
  EXPECT_FALSE(Read(store.get(), kFar, target.data(), 65536).hole);
  EXPECT_EQ(std::memcmp(page.data(), target.data(), 65536), 0);
  // Half hole, half data.
  EXPECT_FALSE(Read(store.get(), kFar - 32768, target.data(), 65536).hole);
  EXPECT_EQ(target[32767], 0);
  EXPECT_EQ(target[32768], 0xaa);
  EXPECT_FALSE(Read(store.get(), kBytes - 777, target.data(), 777).hole);
  EXPECT_EQ(target[776], 0xaa);
}

TEST(sparse_terabyte_has_holes_and_data) { SparseTerabyte(false); }

TEST(sparse_terabyte_has_holes_and_data_direct) {
  if (CanDirect()) SparseTerabyte(true);
}

void DiscardedRangeIsZero(bool direct) {
  constexpr uint64_t kBytes = 1 << 20;
  const UniqueFd file = TempFile(kBytes);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, direct), &status);
  EXPECT_OK(status);
  EXPECT_TRUE(store->traits().can_discard);
  const AlignedBytes bytes(kBytes, 0xcc);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), kBytes));
  EXPECT_OK(Flush(store.get()));
  struct stat before, after;
  EXPECT_SYS(fstat(file.get(), &before));

  EXPECT_OK(Discard(store.get(), 100'000, 700'000));
  EXPECT_SYS(fstat(file.get(), &after));
  EXPECT_LT(after.st_blocks, before.st_blocks);
  EXPECT_EQ(after.st_size, before.st_size);
  EXPECT_EQ(store->TryRead(131'072, bytes.data(), 65536, MayWait::kNo),
            TryReadOutcome::kHole);
  EXPECT_FALSE(Read(store.get(), 0, bytes.data(), kBytes).hole);
  for (uint64_t i = 0; i < kBytes; ++i) {
    if (bytes[i] != (i >= 100'000 && i < 800'000 ? 0 : 0xcc)) EXPECT_EQ(i, kBytes);
  }
  EXPECT_OK(Flush(store.get()));
}

TEST(discarded_range_reads_as_zeros) { DiscardedRangeIsZero(false); }

TEST(discarded_range_reads_as_zeros_direct) {
  if (CanDirect()) DiscardedRangeIsZero(true);
}

TEST(cached_bytes_are_read_without_waiting) {
  const UniqueFd file = TempFile(65536);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), 65536), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(65536, 0x11);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), 65536));
  const AlignedBytes target(65536);
  const iovec iov = {target.data(), 65536};
  if (preadv2(file.get(), &iov, 1, 0, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP) return;
  EXPECT_EQ(store->TryRead(0, target.data(), 65536, MayWait::kNo), TryReadOutcome::kDone);
  EXPECT_EQ(std::memcmp(bytes.data(), target.data(), 65536), 0);
  EXPECT_EQ(store->TryRead(1, target.data(), 65536, MayWait::kNo), TryReadOutcome::kWouldBlock);
}

void ReadWhereWaitingIsAllowed(bool direct) {
  // No multiple of a block: the tail is read through the page cache, where the rest is not.
  constexpr uint64_t kBytes = 65536 + 777;
  const UniqueFd file = TempFile(kBytes);
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), kBytes, direct), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(kBytes);
  for (uint64_t i = 0; i < kBytes; ++i) bytes[i] = ByteAt(i, 3);
  EXPECT_OK(Write(store.get(), 0, bytes.data(), kBytes));
  EXPECT_OK(Flush(store.get()));
  // Out of the page cache, so that there is something to wait for.
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  const AlignedBytes target(kBytes);
  const auto outcome = store->TryRead(0, target.data(), kBytes, MayWait::kYes);
  EXPECT_EQ(outcome, TryReadOutcome::kDone);
  EXPECT_EQ(std::memcmp(bytes.data(), target.data(), kBytes), 0);
  EXPECT_OK(Discard(store.get(), 0, 65536));
  const auto hole = store->TryRead(0, target.data(), 65536, MayWait::kYes);
  EXPECT_EQ(hole, TryReadOutcome::kHole);
  const auto beyond = store->TryRead(4096, target.data(), kBytes, MayWait::kYes);
  EXPECT_EQ(beyond, TryReadOutcome::kWouldBlock);
}

TEST(a_read_that_may_wait_reads_all) { ReadWhereWaitingIsAllowed(false); }

TEST(a_read_that_may_wait_reads_all_direct) {
  if (CanDirect()) ReadWhereWaitingIsAllowed(true);
}

TEST(borrowed_descriptor_is_left_alone) {
  constexpr uint64_t kBytes = 40'000;
  UniqueFd file = TempFile(kBytes);
  EXPECT_SYS(lseek(file.get(), 1234, SEEK_SET));
  EXPECT_SYS(fcntl(file.get(), F_SETFL, O_APPEND));
  Status status;
  auto store = OpenFileStore(OptionsFor(file.get(), kBytes), &status);
  EXPECT_OK(status);
  const AlignedBytes bytes(4096, 0x22);
  EXPECT_TRUE(Read(store.get(), 8192, bytes.data(), 4096).hole);
  EXPECT_OK(Write(store.get(), 4096, bytes.data(), 4096));
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 1234);
  struct stat about;
  EXPECT_SYS(fstat(file.get(), &about));
  EXPECT_EQ(about.st_size, static_cast<off_t>(kBytes));

  file.Reset();
  EXPECT_OK(Read(store.get(), 4096, bytes.data(), 4096).status);
  EXPECT_EQ(bytes[4095], 0x22);
}

TEST(opening_and_closing_leaks_no_descriptor) {
  const UniqueFd file = TempFile(4096);
  const int lowest_free = UniqueFd(dup(file.get())).get();
  for (int i = 0; i < 100; ++i) {
    Status status;
    OpenFileStore(OptionsFor(file.get(), 4096, i % 2 == 1), &status);
    OpenFileStore(OptionsFor(file.get(), 5000, i % 2 == 1), &status);
  }
  EXPECT_EQ(UniqueFd(dup(file.get())).get(), lowest_free);
}

}  // namespace
}  // namespace umap::test
