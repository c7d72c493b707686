// A hundred thousand messages that no client would send, each on a connection of its own: each of
// those clients is dropped with a reason, another one notices nothing, and nothing is left behind.
#include <dirent.h>
#include <sys/eventfd.h>

#include <array>
#include <random>
#include <thread>

#include "test/expect.h"
#include "test/needs_userfaultfd.h"
#include "test/server_fixture.h"

namespace umap::test {
namespace {

using Random = std::mt19937_64;

constexpr uint64_t kMessages = 100'000;
constexpr uint64_t kMessagesToWarmUp = 4'000;
constexpr uint64_t kMessagesBriefly = 10'000;
constexpr int kThreads = 4;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
// They keep books on memory that was freed.
constexpr uint64_t kRssGrowthMax = 512 << 20;
#else
constexpr uint64_t kRssGrowthMax = 8 << 20;
#endif

uint64_t EntriesOf(const char* directory) {
  DIR* const entries = opendir(directory);
  CHECK(entries != nullptr);
  uint64_t count = 0;
  while (readdir(entries)) count++;
  closedir(entries);
  return count;
}

uint64_t RssBytes() {
  unsigned long long size = 0, resident = 0;
  FILE* const file = std::fopen("/proc/self/statm", "r");
  CHECK(file != nullptr && std::fscanf(file, "%llu %llu", &size, &resident) == 2);
  std::fclose(file);
  return resident * 4096;
}

// A number in a packet is replaced; nothing else is known of it.
template <typename T>
void Overwrite(wire::Bytes* packet, size_t at, T value) {
  CHECK(at + sizeof value <= packet->size());
  std::memcpy(packet->data() + at, &value, sizeof value);
}

constexpr size_t kTypeAt = 6;
constexpr size_t kRequestAt = 8;
constexpr size_t kGenerationAt = 12;

// One client that makes one mistake.
class Liar {
 public:
  Liar(const std::string& path, Random& random) : client_(path), random_(random) {}

  // What the server says to it; empty where it was not dropped.
  std::string Lie() {
    int descriptor = -1;
    const wire::Bytes packet = random_() % 2 ? LieAtFirst(&descriptor) : LieLater(&descriptor);
    // Where the server has seen enough already, sending may fail.
    (void)client_.SendBytes(packet, descriptor);
    wire::Goodbye goodbye;
    if (!client_.ReceiveNotice(&goodbye)) return "";
    return goodbye.reason == wire::GoodbyeReason::kDropped ? goodbye.text : "";
  }

 private:
  template <typename Message>
  wire::Bytes Packet(const Message& message) {
    return wire::Encode(7, client_.generation(), message);
  }

  // Before its hello is accepted.
  wire::Bytes LieAtFirst(int* descriptor) {
    switch (random_() % 6) {
      case 0: return Garbage();
      case 1: return Packet(wire::Ping{});
      case 2: return Packet(wire::Map{wire::Access::kReadOnly, kServedName});
      case 3: return Packet(wire::Hello{0});
      case 4: {
        *descriptor = DescriptorOfAnotherKind();
        return Packet(wire::Hello{static_cast<uint32_t>(random_() % 2)});
      }
      default: return Spoil(Packet(wire::Hello{wire::Hello::kStatOnly}), descriptor);
    }
  }

  wire::Bytes LieLater(int* descriptor) {
    // 1. As far as it gets in good faith.
    const bool maps = random_() % 2;
    if (maps) uffd_ = OpenClientUserfaultfd();
    CHECK(client_.Greet(maps ? uffd_.get() : -1));
    wire::Mapped mapped;
    if (maps) CHECK(client_.Ask(wire::Map{wire::Access::kReadWrite, kServedName}, &mapped));
    // 2. Out of line, out of form, or out of bounds.
    const uint32_t number = mapped.mapping;
    switch (random_() % (maps ? 8 : 6)) {
      case 0: return Garbage();
      case 1: return Spoil(Packet(wire::Ping{}), descriptor);
      case 2: return Spoil(Packet(wire::Map{wire::Access::kReadOnly, "points"}), descriptor);
      case 3: return Packet(wire::Flush{number + 1 + static_cast<uint32_t>(random_() % 99), {}});
      case 4: return Packet(wire::Attach{number + 1, 4096});
      case 5: return Packet(wire::Resumed{});
      case 6: return OutOfBounds(number);
      default: return Spoil(Packet(wire::Prefault{number, {{0, 1}, {4096, 1}}}), descriptor);
    }
  }

  wire::Bytes Garbage() {
    wire::Bytes packet(1 + random_() % 300);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random_());
    if (packet.size() >= 4) packet[0] = 'x';
    return packet;
  }

  int DescriptorOfAnotherKind() {
    switch (random_() % 3) {
      case 0: other_.Reset(memfd_create("no userfaultfd", MFD_CLOEXEC)); break;
      case 1: other_.Reset(eventfd(0, EFD_CLOEXEC)); break;
      default: other_.Reset(open("/dev/null", O_RDWR | O_CLOEXEC));
    }
    return other_.get();
  }

  // A packet that was right, in one of the ways in which none is right any more.
  wire::Bytes Spoil(wire::Bytes packet, int* descriptor) {
    const bool is_hello = packet[kTypeAt] == static_cast<uint8_t>(wire::MessageType::kHello);
    switch (random_() % 8) {
      case 0: packet[random_() % 6] ^= static_cast<uint8_t>(1 + random_() % 255); break;
      case 1: packet.resize(1 + random_() % (packet.size() - 1)); break;
      case 2: packet.resize(packet.size() + 1 + random_() % 100); break;
      case 3: packet.resize(wire::kPacketBytesMax + 1 + random_() % 4096); break;
      case 4: Overwrite<uint16_t>(&packet, kTypeAt, static_cast<uint16_t>(15 + random_() % 9999));
        break;
      case 5: Overwrite<uint32_t>(&packet, kRequestAt, 0); break;
      case 6: *descriptor = DescriptorOfAnotherKind(); break;
      default:
        Overwrite<uint32_t>(&packet, is_hello ? wire::kHeaderBytes : kGenerationAt,
                            static_cast<uint32_t>(2 + random_() % 9999));
    }
    return packet;
  }

  wire::Bytes OutOfBounds(uint32_t number) {
    const std::array<wire::Range, 4> ranges = {{{kServedBytes, 1},
                                                {kServedBytes - 1, 2},
                                                {UINT64_MAX - random_() % 9, random_() % 99 + 10},
                                                {random_() % 9, UINT64_MAX - random_() % 4}}};
    const wire::Range range = ranges[random_() % ranges.size()];
    switch (random_() % 5) {
      case 0: return Packet(wire::Flush{number, range});
      case 1: return Packet(wire::Discard{number, range});
      case 2: return Packet(wire::Pin{number, range});
      case 3: return Packet(wire::Evict{number, range});
      default: return Packet(wire::Prefault{number, {{0, 4096}, range}});
    }
  }

  RawClient client_;
  Random& random_;
  UniqueFd uffd_;
  UniqueFd other_;
};

// Returns how many of them were dropped with a reason.
uint64_t LieTimes(const std::string& path, uint64_t messages, uint64_t seed) {
  std::atomic<uint64_t> told{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Random random(seed + static_cast<uint64_t>(t));
      for (uint64_t i = 0; i < messages / kThreads; i++) {
        if (!Liar(path, random).Lie().empty()) told++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return told.load();
}

TEST(malformed_messages_end_their_clients_and_disturb_no_other) {
  TestServer server({.buffer_bytes = kServedBytes / 4});
  std::atomic<bool> stopping{false};
  std::atomic<uint64_t> rounds{0}, wrong{0};
  TestClient honest(server.path(), true);
  std::thread worker([&] {
    for (uint64_t round = 1; !stopping.load(); round++) {
      const uint64_t offset = round * 40'503 * kServedPageBytes % kServedBytes;
      honest.word(offset) = round;
      wrong += honest.word(offset + 8) != ScriptedStore::WordAt(offset + 8);
      if (round % 64 == 0) wrong += !honest.Flush().ok();
      wrong += honest.word(offset) != round;
      rounds++;
      usleep(200);
    }
  });
  const uint64_t seed = umap::test::Seed();
  const bool is_brief = std::getenv("UMAP_TEST_BRIEF") != nullptr;
  const uint64_t messages = is_brief ? kMessagesBriefly : kMessages;
  const uint64_t told_at_first = LieTimes(server.path(), kMessagesToWarmUp, seed);
  AwaitThat([&] { return server.server().Stats().clients.size() == 1; });
  const uint64_t descriptors = EntriesOf("/proc/self/fd");
  const uint64_t threads = EntriesOf("/proc/self/task");
  const uint64_t rss_bytes = RssBytes();
  const uint64_t rounds_before = rounds.load();

  const uint64_t told = LieTimes(server.path(), messages, seed + 1'000);
  AwaitThat([&] { return server.server().Stats().clients.size() == 1; });
  const uint64_t rounds_meanwhile = rounds.load() - rounds_before;
  stopping.store(true);
  worker.join();
  // Threads that had a job wait for another one for a second.
  AwaitThat([&] { return EntriesOf("/proc/self/task") <= threads; });
  EXPECT_EQ(told_at_first, kMessagesToWarmUp);
  EXPECT_EQ(told, messages);
  EXPECT_EQ(server.log().dropped(), kMessagesToWarmUp + messages);
  EXPECT_EQ(server.server().Stats().clients_dropped, kMessagesToWarmUp + messages);
  EXPECT_LE(EntriesOf("/proc/self/fd"), descriptors);
  EXPECT_LE(RssBytes(), rss_bytes + kRssGrowthMax);
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(rounds_meanwhile, 100);
}

}  // namespace
}  // namespace umap::test
