// The futex, and the mutex and the condition variable on it.
#include "os/mutex.h"

#include <cerrno>
#include <deque>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "test/expect.h"

namespace umap::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

void Join(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
}

TEST(a_futex_wait_returns_at_once_where_the_word_is_another) {
  const std::atomic<uint32_t> word{7};
  errno = 1234;
  FutexWait(word, 6);
  FutexWaitFor(word, 6, milliseconds(3'600'000));
  FutexWaitFor(word, 7, nanoseconds(1));
  FutexWaitFor(word, 7, nanoseconds(-1));
  FutexWake(word, 1);
  EXPECT_EQ(errno, 1234);
}

TEST(a_futex_wait_ends_when_it_is_woken) {
  std::atomic<uint32_t> word{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&] {
      while (word.load() == 0) FutexWait(word, 0);
    });
  }
  word.store(1);
  FutexWakeAll(word);
  Join(threads);
  EXPECT_EQ(word.load(), 1u);
}

TEST(a_mutex_lets_one_thread_in_at_a_time) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kRounds = 30'000;
  Mutex mutex;
  uint64_t count = 0;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(Seed() + t);
      for (uint64_t i = 0; i < kRounds; i++) {
        MutexLock lock(mutex);
        const uint64_t before = count;
        // Now and then the holder loses its processor, so that the others sleep.
        if (random() % 256 == 0) std::this_thread::yield();
        count = before + 1;
      }
    });
  }
  Join(threads);
  EXPECT_EQ(count, kThreads * kRounds);
}

TEST(a_mutex_may_be_destroyed_as_soon_as_it_is_free) {
  struct Shared {
    Mutex mutex;
    CondVar changed;
    bool done = false;
  };
  for (int i = 0; i < 2000; i++) {
    auto* shared = new Shared;
    std::thread other([shared] {
      MutexLock lock(shared->mutex);
      shared->done = true;
      shared->changed.NotifyAll();
    });
    {
      MutexLock lock(shared->mutex);
      while (!shared->done) shared->changed.Wait(shared->mutex);
    }
    delete shared;
    other.join();
  }
}

TEST(each_notification_wakes_somebody_who_waits) {
  constexpr int kConsumers = 4;
  constexpr int kItems = 20'000;
  Mutex mutex;
  CondVar changed;
  std::deque<int> items;
  int64_t sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kConsumers; t++) {
    threads.emplace_back([&] {
      for (bool ends = false; !ends;) {
        MutexLock lock(mutex);
        while (items.empty()) changed.Wait(mutex);
        ends = items.front() < 0;
        if (!ends) sum += items.front();
        items.pop_front();
      }
    });
  }
  for (int i = 1; i <= kItems + kConsumers; i++) {
    MutexLock lock(mutex);
    items.push_back(i <= kItems ? i : -1);
    changed.NotifyOne();
  }
  Join(threads);
  EXPECT_EQ(sum, int64_t{kItems} * (kItems + 1) / 2);
}

TEST(a_wait_with_a_time_ends_without_a_notification) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  const int64_t end_ns = NowNs() + 5'000'000;
  while (NowNs() < end_ns) never.WaitFor(mutex, nanoseconds(end_ns - NowNs()));
}

TEST(a_wait_with_a_time_ends_with_a_notification) {
  Mutex mutex;
  CondVar changed;
  bool done = false;
  std::thread other([&] {
    MutexLock lock(mutex);
    done = true;
    changed.NotifyOne();
  });
  {
    MutexLock lock(mutex);
    while (!done) changed.WaitFor(mutex, milliseconds(3'600'000));
  }
  other.join();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace umap::test
