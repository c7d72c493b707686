// The fault handler calls nothing that a signal handler must not call, whatever it meets: pages to
// read, holes, first writes, full buffers, pages that others fill, stores that answer elsewhere,
// stores that fail. forbidden_calls.h ends the process where it does.
#include "test/forbidden_calls.h"

#include <sys/wait.h>

#include "test/counters.h"
#include "test/engine_fixture.h"
#include "test/expect.h"
#include "test/scripted_store.h"
#include "test/stops.h"
#include "test/touch.h"
#include "test/ways.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = 4096;
constexpr const char* kNotWatched = "calls cannot be watched under this sanitizer or C library";

// Such a test shows nothing unless the handler has run.
bool HandlerRan(uint64_t runs_before) { return ReadsMessages() || g_handler_runs > runs_before; }

volatile void* g_allocated;

void AllocatingHandler(int) {
  g_allocated = std::malloc(10);
  _exit(0);
}

TEST(a_handler_that_allocates_is_caught) {
  SKIP_IF(!kWatchesCalls, kNotWatched);
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    close(STDOUT_FILENO);
    struct sigaction action = {};
    action.sa_handler = AllocatingHandler;
    sigaction(SIGSEGV, &action, nullptr);
    raise(SIGSEGV);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST(reading_and_writing_through_a_small_buffer_makes_no_forbidden_call) {
  SKIP_IF(!kWatchesCalls, kNotWatched);
  const uint64_t runs = g_handler_runs;
  for (const bool filled : {true, false}) {
    for (const uint64_t page_bytes : {kPage, 65536ul}) {
      for (const bool writable : {true, false}) {
        const DataFile file(512 * page_bytes, filled);
        Mapped region(file, BufferOf(64 * page_bytes),
                      {.page_bytes = page_bytes, .writable = writable});
        std::mt19937_64 random(Seed());
        for (int i = 0; i < 3000; i++) {
          // Walks, jumps, and rewriting of what was read.
          const uint64_t page = i % 1000 < 500 ? i % 500 : random() % 512;
          volatile uint64_t* const word = &region.words()[page * page_bytes / 8 + 3];
          const uint64_t seen = *word;
          if (writable && i % 3 == 0) *word = seen + 1;
        }
      }
    }
  }
  EXPECT_TRUE(HandlerRan(runs));
}

TEST(direct_io_makes_no_forbidden_call) {
  SKIP_IF(!kWatchesCalls, kNotWatched);
  const uint64_t runs = g_handler_runs;
  const DataFile file(256 * kPage);
  Mapped region(file, BufferOf(32 * kPage), {.page_bytes = kPage, .direct = true});
  for (uint64_t i = 0; i < 1000; i++) region.words()[i * 37 % 256 * kPage / 8] = i;
  EXPECT_TRUE(HandlerRan(runs));
}

TEST(many_threads_under_load_make_no_forbidden_call) {
  SKIP_IF(!kWatchesCalls, kNotWatched);
  const uint64_t runs = g_handler_runs;
  for (const int64_t read_ahead : {0, 8}) {
    Counters counters({.page_bytes = kPage, .read_ahead_pages_max = read_ahead});
    const CounterResult result = counters.Run();
    EXPECT_EQ(result.in_the_file, result.incremented);
    EXPECT_EQ(result.wrong_after_discard, 0u);
  }
  EXPECT_TRUE(HandlerRan(runs));
}

TEST(a_store_that_answers_elsewhere_or_fails_makes_no_forbidden_call) {
  SKIP_IF(!kWatchesCalls, kNotWatched);
  const SigbusCaught caught;
  const uint64_t runs = g_handler_runs;
  for (const bool blocking : {false, true}) {
    const auto store =
        std::make_shared<ScriptedStore>(64 * kPage, ScriptedOptions{.blocking = blocking});
    Mapped region(store, 64 * kPage, BufferOf(16 * kPage), {.page_bytes = kPage});
    for (uint64_t i = 0; i < 300; i++) region.words()[i * 11 % 64 * kPage / 8 + i % 2] = i;
    store->SetScript([](StoreOp op, uint64_t offset, uint64_t byte_length) {
      const bool hit =
          op == StoreOp::kRead && offset <= 5 * kPage && offset + byte_length > 5 * kPage;
      return hit ? Status::Fail(EIO, "bad sector") : Status::Ok();
    });
    EXPECT_OK(region.Evict());
    uint64_t seen = 0;
    EXPECT_FALSE(Touch(&region.words()[5 * kPage / 8], &seen));
    // It left the handler by a jump.
    t_handlers = 0;
    EXPECT_TRUE(Touch(&region.words()[6 * kPage / 8], &seen));
    store->SetScript({});
  }
  EXPECT_TRUE(HandlerRan(runs));
}

}  // namespace
}  // namespace umap::test
