// Clients that die, say nothing, do not read, flood, or are not who they should be: each is dropped
// or refused, and the others notice nothing.
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <thread>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_fixture.h"

namespace umap::test {
namespace {

constexpr uint64_t kPage = kServedPageBytes;

uint64_t ClientsOf(TestServer& server) { return server.server().Stats().clients.size(); }

// A process for the time of a test: runs `body`, then waits to be killed. It must not use what
// other threads of this one may hold.
class ChildProcess {
 public:
  template <typename Body>
  explicit ChildProcess(Body body) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char result = static_cast<char>(body());
      (void)!write(ends[1], &result, 1);
      for (;;) pause();
    }
    close(ends[1]);
    result_.Reset(ends[0]);
  }
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // What the body returned; -1: it died.
  int Result() {
    char result;
    return read(result_.get(), &result, 1) == 1 ? result : -1;
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  UniqueFd result_;
};

TEST(a_client_that_says_nothing_is_dropped) {
  TestServer server({.limits = {.hello_timeout_ms = 50}});
  TestClient honest(server.path(), true);
  RawClient silent(server.path());
  EXPECT_EQ(silent.ReceiveGoodbye(), "it said nothing for 50 ms");
  AwaitThat([&] { return ClientsOf(server) == 1; });
  EXPECT_EQ(honest.word(0), ScriptedStore::WordAt(0));
}

TEST(a_client_that_does_not_read_is_dropped_and_one_that_does_is_not) {
  TestServer server;
  TestClient reader(server.path(), true);
  TestClient deaf(server.path(), true);
  std::atomic<bool> dropped{false};
  std::thread sender([&] {
    // What it asks for is answered until there is no room for answers.
    while (deaf.Send(wire::Ping{}) != 0) {
    }
    dropped.store(true);
  });
  uint64_t asked = 0;
  while (!dropped.load()) {
    wire::Pong pong;
    EXPECT_TRUE(reader.Ask(wire::Ping{}, &pong));
    asked++;
  }
  sender.join();
  EXPECT_GT(asked, 0);
  EXPECT_EQ(server.log().Count("does not read"), 1);
  AwaitThat([&] { return ClientsOf(server) == 1; });
  EXPECT_EQ(reader.word(8), ScriptedStore::WordAt(8));
}

TEST(requests_beyond_the_limit_wait_and_are_answered_all_the_same) {
  TestServer server({.limits = {.requests_max = 4}});
  TestClient client(server.path(), true);
  TestClient other(server.path(), true);
  server.store().Hold(StoreOp::kRead);
  std::vector<uint32_t> requests;
  for (uint64_t page = 0; page < 32; page++) {
    requests.push_back(client.Send(wire::Prefault{client.number(), {{page * kPage, kPage}}}));
  }
  // The server is not deaf to others meanwhile, and remembers no more than it must.
  wire::Pong pong;
  EXPECT_TRUE(other.Ask(wire::Ping{}, &pong));
  const ServerStats stats = server.server().Stats();
  for (const ClientStats& of : stats.clients) EXPECT_LE(of.requests_in_flight, 4);
  server.store().LetGo(StoreOp::kRead);
  for (size_t i = 0; i < requests.size(); i++) EXPECT_TRUE(client.Receive().received);
  EXPECT_EQ(server.region().stats().fills, 32);
}

TEST(faults_beyond_the_limit_wait_in_their_client) {
  TestServer server({.limits = {.faults_in_flight_max = 2}});
  TestClient client(server.path(), true);
  server.store().Hold(StoreOp::kRead);
  std::atomic<uint64_t> right{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 8; t++) {
    threads.emplace_back([&, t] {
      right += client.word(t * kPage) == ScriptedStore::WordAt(t * kPage);
    });
    // One by one, so that one read of the server's brings one fault.
    if (t < 2) AwaitThat([&] { return server.region().stats().faults == t + 1; });
  }
  server.store().AwaitCalls(StoreOp::kRead, 2);
  const ServerStats stats = server.server().Stats();
  EXPECT_EQ(stats.clients[0].faults_in_flight, 2);
  EXPECT_EQ(server.region().stats().faults, 2);
  server.store().LetGo(StoreOp::kRead);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 8);
}

TEST(a_client_that_is_killed_leaves_nothing) {
  TestServer server;
  TestClient honest(server.path(), true);
  for (int round = 0; round < 10; round++) {
    ChildProcess child([&] {
      // Alive until it is killed.
      TestClient& client = *new TestClient(server.path(), true);
      if (!client.Do(wire::Pin{client.number(), {0, 4 * kPage}}).ok()) return 1;
      client.word(round * kPage) = 1000 + static_cast<uint64_t>(round);
      return 0;
    });
    EXPECT_EQ(child.Result(), 0);
    EXPECT_EQ(server.region().stats().pinned_bytes, 4 * kPage);
    child.Kill();
    AwaitThat([&] { return ClientsOf(server) == 1; });
    EXPECT_EQ(server.region().stats().pinned_bytes, 0);
  }
  // What they wrote is there.
  EXPECT_OK(honest.Flush());
  for (uint64_t round = 0; round < 10; round++) {
    EXPECT_EQ(server.store().Word(round * kPage), 1000 + round);
  }
}

TEST(a_client_that_is_killed_in_a_fault_disturbs_nobody) {
  TestServer server;
  TestClient honest(server.path(), true);
  server.store().Hold(StoreOp::kRead);
  ChildProcess child([&] {
    TestClient client(server.path(), true);
    return static_cast<int>(client.Read(0));
  });
  server.store().AwaitCalls(StoreOp::kRead, 1);
  child.Kill();
  AwaitThat([&] { return ClientsOf(server) == 1; });
  server.store().LetGo(StoreOp::kRead);
  EXPECT_EQ(honest.word(0), ScriptedStore::WordAt(0));
}

TEST(a_dropped_client_does_not_run_on_zeros) {
  TestServer server;
  TestClient liar(server.path(), true);
  EXPECT_EQ(liar.Read(0), ScriptedStore::WordAt(0));
  (void)liar.Send(wire::Detach{liar.number() + 1});
  EXPECT_EQ(liar.ReceiveGoodbye(), "it named a mapping that it does not have");
  AwaitThat([&] { return ClientsOf(server) == 0; });
  // Its thread waits, until the client itself answers.
  std::atomic<bool> answered{false};
  std::thread toucher([&] {
    (void)liar.Read(kPage);
    answered.store(true);
  });
  pollfd fault = {liar.uffd(), POLLIN, 0};
  const int ready = poll(&fault, 1, 10'000);
  const bool too_early = answered.load();
  uffdio_range range = {reinterpret_cast<uint64_t>(liar.data()), kServedBytes};
  (void)ioctl(liar.uffd(), UFFDIO_UNREGISTER, &range);
  toucher.join();
  EXPECT_EQ(ready, 1);
  EXPECT_FALSE(too_early);
}

TEST(a_userfaultfd_that_comes_with_a_fork_is_closed) {
  TestServer server;
  UniqueFd uffd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  uffdio_api api = {UFFD_API,
                    UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |
                        UFFD_FEATURE_EVENT_FORK,
                    0};
  SKIP_IF(!uffd || ioctl(uffd.get(), UFFDIO_API, &api) != 0, "events of forks need a capability");
  RawClient client(server.path());
  EXPECT_TRUE(client.Greet(uffd.get()));
  wire::Mapped mapped;
  UniqueFd pages;
  EXPECT_TRUE(client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &mapped, &pages));
  // No MADV_DONTFORK.
  void* const data =
      mmap(nullptr, kServedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, pages.get(), 0);
  EXPECT_TRUE(data != MAP_FAILED);
  EXPECT_OK(client.Do(wire::Attach{mapped.mapping, reinterpret_cast<uint64_t>(data)}));
  const auto count_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
  };
  const int before = count_descriptors();
  for (int i = 0; i < 20; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    EXPECT_TRUE(child > 0 && waitpid(child, nullptr, 0) == child);
  }
  // A fork goes on when its message is read, which is a little before its descriptor is closed.
  AwaitThat([&] { return count_descriptors() == before; });
  uffdio_range range = {reinterpret_cast<uint64_t>(data), kServedBytes};
  (void)ioctl(uffd.get(), UFFDIO_UNREGISTER, &range);
  munmap(data, kServedBytes);
}

TEST(a_userfaultfd_that_is_made_to_block_costs_its_owner_the_connection) {
  TestServer server;
  TestClient honest(server.path(), true);
  TestClient liar(server.path(), true);
  EXPECT_EQ(liar.Read(0), ScriptedStore::WordAt(0));
  std::atomic<bool> stopping{false};
  std::thread blocker([&] {
    while (!stopping.load()) fcntl(liar.uffd(), F_SETFL, 0);
  });
  // A fault makes the server look.
  std::thread toucher([&] {
    while (!stopping.load()) {
      (void)liar.Read(kPage);
      (void)server.region().Evict({kPage, kPage});
    }
  });
  const std::string reason = liar.ReceiveGoodbye();
  stopping.store(true);
  blocker.join();
  uffdio_range range = {reinterpret_cast<uint64_t>(liar.data()), kServedBytes};
  (void)ioctl(liar.uffd(), UFFDIO_UNREGISTER, &range);
  toucher.join();
  EXPECT_EQ(reason, "it makes its userfaultfd block");
  EXPECT_EQ(honest.Read(8), ScriptedStore::WordAt(8));
}

TEST(faults_outside_of_every_mapping_end_the_client) {
  TestServer server;
  TestClient liar(server.path(), true);
  // Memory that the server knows nothing of, registered by the client itself.
  void* const data = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, liar.pages(), 0);
  EXPECT_TRUE(data != MAP_FAILED);
  uffdio_register memory = {{reinterpret_cast<uint64_t>(data), kPage}, UFFDIO_REGISTER_MODE_MISSING,
                            0};
  EXPECT_SYS(ioctl(liar.uffd(), UFFDIO_REGISTER, &memory));
  std::thread toucher([&] { (void)*static_cast<volatile uint64_t*>(data); });
  const std::string reason = liar.ReceiveGoodbye();
  (void)ioctl(liar.uffd(), UFFDIO_UNREGISTER, &memory.range);
  toucher.join();
  munmap(data, kPage);
  EXPECT_EQ(reason, "it raises faults outside of its mappings");
}

TEST(too_many_clients_are_refused) {
  TestServer server({.limits = {.clients_max = 2}});
  TestClient one(server.path()), two(server.path());
  RawClient third(server.path());
  EXPECT_EQ(third.ReceiveGoodbye(), "there are 2 clients already");
  two.Disconnect();
  AwaitThat([&] { return ClientsOf(server) == 1; });
  TestClient again(server.path(), false);
  EXPECT_EQ(again.word(0), ScriptedStore::WordAt(0));
}

// What user 12345 of group 54321, with group 777 beside, may do: 2 writes, 1 reads, 0 is refused;
// 3 where it gets no further than the socket.
int AccessOfAnother(TestServer& server) {
  const std::string path = server.path();
  ChildProcess child([&] {
    const gid_t group = 777;
    CHECK(setgroups(1, &group) == 0 && setresgid(54321, 54321, 54321) == 0);
    CHECK(setresuid(12345, 12345, 12345) == 0);
    UniqueFd probe;
    if (!ConnectUnix(path, true, &probe).ok()) return 3;
    RawClient client(path);
    UniqueFd uffd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1)));
    uffdio_api api = {UFFD_API,
                      UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |
                          UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
                          UFFD_FEATURE_POISON,
                      0};
    CHECK(uffd && ioctl(uffd.get(), UFFDIO_API, &api) == 0);
    if (!client.Greet(uffd.get())) return 0;
    wire::Mapped mapped;
    UniqueFd pages;
    if (client.Ask(wire::Map{wire::Access::kReadWrite, kServedName}, &mapped, &pages)) return 2;
    if (!client.Ask(wire::Map{wire::Access::kReadOnly, kServedName}, &mapped, &pages)) return 0;
    // What it has cannot be written, nor reopened so.
    const std::string link = "/proc/self/fd/" + std::to_string(pages.get());
    if (pwrite(pages.get(), "x", 1, 0) >= 0 || open(link.c_str(), O_RDWR) >= 0) return 2;
    void* const data = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, pages.get(), 0);
    return data == MAP_FAILED ? 1 : 2;
  });
  return child.Result();
}

TEST(rules_about_users_and_groups_decide_who_may_do_what) {
  SKIP_IF(geteuid() != 0, "becoming another user needs root");
  const auto with = [](mode_t mode, std::vector<AllowRule> allow) {
    TestServer server({.socket_mode = mode, .allow = std::move(allow)});
    return AccessOfAnother(server);
  };
  const auto kRead = wire::Access::kReadOnly;
  EXPECT_EQ(with(0600, {{.uid = 12345, .gid = {}}}), 3);
  EXPECT_EQ(with(0666, DefaultAllowRules()), 0);
  EXPECT_EQ(with(0666, {}), 0);
  EXPECT_EQ(with(0666, {{.uid = 12346, .gid = {}}}), 0);
  EXPECT_EQ(with(0666, {{.uid = 12345, .gid = {}}}), 2);
  EXPECT_EQ(with(0666, {{.uid = 12345, .gid = {}, .access = kRead}}), 1);
  EXPECT_EQ(with(0666, {{.uid = {}, .gid = 54321}}), 2);
  EXPECT_EQ(with(0666, {{.uid = {}, .gid = 777, .access = kRead}}), 1);
  EXPECT_EQ(with(0666, {{.uid = 12345, .gid = 778}}), 0);
  EXPECT_EQ(with(0666, {{.uid = 12345, .gid = {}, .access = kRead}, {.uid = {}, .gid = 777}}), 2);
}

}  // namespace
}  // namespace umap::test
