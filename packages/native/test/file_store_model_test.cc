// The file store, buffered and direct, against a plain vector: random calls from several threads on
// neighbouring pages, from a seed that a failure prints.
#include <algorithm>
#include <cstring>
#include <random>

#include "expect.h"
#include "file_fixture.h"
#include "store/file_store.h"

namespace umap::test {
namespace {

// One thread's part of the model test: runs of four pages, every `threads`-th run, so that the
// neighbours of each page are being read and written by others meanwhile.
struct ModelWorker {
  Store* store;
  std::vector<uint8_t>* model;
  uint64_t page_bytes;
  uint32_t index;
  uint32_t threads;
  std::mt19937_64 random;
  std::string failure;

  void Step() {
    const uint64_t byte_length = model->size();
    const uint64_t run_bytes = 4 * page_bytes;
    const uint64_t runs = (byte_length + run_bytes - 1) / run_bytes;
    const uint64_t run = random() % runs / threads * threads + index;
    if (run >= runs) return;
    const uint64_t first = random() % 4;
    const uint64_t offset = run * run_bytes + first * page_bytes;
    if (offset >= byte_length) return;
    const uint64_t pages = 1 + random() % (4 - first);
    const uint64_t length = std::min(pages * page_bytes, byte_length - offset);

    const uint64_t choice = random() % 16;
    if (choice == 0) {
      Note(Flush(store));
    } else if (choice < 3) {
      Note(Discard(store, offset, length));
      std::memset(model->data() + offset, 0, length);
    } else if (choice < 9) {
      WritePages(offset, length);
    } else {
      ReadPages(offset, length, choice < 12);
    }
  }

  // Every page in memory of its own, as the engine's frames are.
  Iovecs Scatter(const AlignedBytes& bytes, uint64_t length) {
    Iovecs iovecs;
    for (uint64_t at = 0; at < length; at += page_bytes) {
      iovecs.push_back({&bytes[at], std::min(page_bytes, length - at)});
    }
    return iovecs;
  }

  void WritePages(uint64_t offset, uint64_t length) {
    const AlignedBytes bytes(length);
    const uint64_t salt = random();
    for (uint64_t i = 0; i < length; ++i) bytes[i] = ByteAt(offset + i, salt);
    std::memcpy(model->data() + offset, bytes.data(), length);
    Note(Run(store, StoreOp::kWrite, offset, length, Scatter(bytes, length)).status);
  }

  void ReadPages(uint64_t offset, uint64_t length, bool may_try) {
    const AlignedBytes bytes(length, 0xee);
    bool hole = false;
    const TryReadOutcome tried =
        may_try ? store->TryRead(offset, bytes.data(), length,
                                 random() % 2 ? MayWait::kYes : MayWait::kNo)
                : TryReadOutcome::kWouldBlock;
    if (tried == TryReadOutcome::kWouldBlock) {
      const StoreResult result =
          Run(store, StoreOp::kRead, offset, length, Scatter(bytes, length));
      Note(result.status);
      hole = result.hole;
    } else {
      hole = tried == TryReadOutcome::kHole;
    }
    if (hole) std::memset(bytes.data(), 0, length);
    if (std::memcmp(bytes.data(), model->data() + offset, length) != 0 && failure.empty()) {
      failure = "wrong bytes in [" + std::to_string(offset) + ", +" + std::to_string(length) + ")";
    }
  }

  void Note(const Status& status) {
    if (!status.ok() && failure.empty()) failure = status.message;
  }
};

void CompareWithModel(bool direct, uint64_t page_bytes, uint64_t byte_length) {
  const UniqueFd file = TempFile(byte_length);
  EXPECT_TRUE(file.valid());
  Status status;
  const auto store = OpenFileStore(OptionsFor(file.get(), byte_length, direct), &status);
  EXPECT_OK(status);
  std::vector<uint8_t> model(byte_length);

  constexpr uint32_t kThreads = 4;
  std::vector<ModelWorker> workers;
  for (uint32_t i = 0; i < kThreads; ++i) {
    workers.push_back({store.get(), &model, page_bytes, i, kThreads,
                       std::mt19937_64(Seed() + i + byte_length), {}});
  }
  std::vector<std::thread> threads;
  for (ModelWorker& worker : workers) {
    threads.emplace_back([&worker] {
      for (int step = 0; step < 200 && worker.failure.empty(); ++step) worker.Step();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const ModelWorker& worker : workers) EXPECT_EQ(worker.failure, "");

  EXPECT_OK(Flush(store.get()));
  std::vector<uint8_t> found(byte_length + 1);
  EXPECT_EQ(pread(file.get(), found.data(), found.size(), 0), static_cast<ssize_t>(byte_length));
  found.pop_back();
  EXPECT_TRUE(found == model);
}

TEST(many_threads_read_what_was_written) {
  CompareWithModel(false, 4096, 300'001);
  CompareWithModel(false, 65536, 3'000'000);
}

TEST(many_threads_read_what_was_written_direct) {
  if (!CanDirect()) return;
  CompareWithModel(true, 4096, 300'001);
  CompareWithModel(true, 65536, 3'000'000);
}

}  // namespace
}  // namespace umap::test
