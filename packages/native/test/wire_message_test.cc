// The messages of server mode: every one comes back as it was sent, and what is no message is
// refused, whatever it is.
#include <algorithm>
#include <random>
#include <string>

#include "test/expect.h"
#include "wire/message.h"

namespace umap::wire {
namespace {

constexpr uint32_t kRequest = 0x01020304;
constexpr uint32_t kGeneration = 7;
const Outcome kOutcome = {ENOSPC, true, "no space", R"({"code":"UMAP_STORE"})"};

// Every message, its fields all different from their defaults. Calls visit(message) for each.
template <typename Visit>
void ForEachMessage(Visit visit) {
  visit(Hello{Hello::kStatOnly});
  visit(Map{Access::kReadWrite, "points"});
  visit(Attach{3, 0x7f0000000000});
  visit(Detach{3});
  visit(Prefault{3, {{4096, 8192}, {1 << 20, 1}}});
  visit(Flush{3, {4096, 8192}});
  visit(Evict{3, {4096, 8192}});
  visit(Discard{3, {4096, 8192}});
  visit(Pin{3, {4096, 8192}});
  visit(Unpin{3, {4096, 8192}});
  visit(RegionStats{3});
  visit(ServerStats{});
  visit(Ping{});
  visit(Resumed{});
  visit(Welcome{5, {1, 2, 3, 4}});
  visit(Mapped{3, 1 << 30, 65536, true});
  visit(Done{kOutcome});
  visit(RegionStatsReply{1,  2,  3,  4,  5,  6,  7, 8, 9, 10, 11,
                         12, 13, 14, {1, 0.5, 1.5, 2.5}, {2, 3.5, 4.5, 5.5}});
  visit(StatsReply{});
  visit(Pong{});
  visit(Restarted{6});
  visit(Event{3, 1, {4096, 8192}, 1 << 30, kOutcome});
  visit(Failed{3, {4096, 8192}, kOutcome});
  visit(Goodbye{GoodbyeReason::kDropped, "it lied"});
}

TEST(every_message_comes_back_as_it_was_sent) {
  ForEachMessage([](const auto& message) {
    using Message = std::remove_cvref_t<decltype(message)>;
    const Bytes packet = Encode(kRequest, kGeneration, message);
    Header header;
    EXPECT_TRUE(DecodeHeader(packet, &header));
    EXPECT_EQ(header.type, Message::kType);
    EXPECT_EQ(header.request, kRequest);
    EXPECT_EQ(header.generation, kGeneration);
    Message decoded;
    EXPECT_TRUE(Decode(packet, &decoded));
    EXPECT_TRUE(Encode(kRequest, kGeneration, decoded) == packet);
    // Nothing of it was left out: messages with bodies differ from empty ones.
    const bool is_bare = std::is_empty_v<Message>;
    EXPECT_EQ(packet == Encode(kRequest, kGeneration, Message{}), is_bare);
  });
}

TEST(bytes_are_little_endian_and_in_the_order_of_the_specification) {
  const Bytes packet = Encode(kRequest, kGeneration, Flush{3, {0x1000, 0x20}});
  const Bytes expected = {'U', 'M', 'A', 'P', 1, 0, 6, 0, 4, 3, 2, 1, 7, 0, 0, 0, 3, 0, 0, 0,
                          0,   0x10, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_TRUE(packet == expected);
}

TEST(a_packet_of_another_length_is_refused) {
  ForEachMessage([](const auto& message) {
    using Message = std::remove_cvref_t<decltype(message)>;
    const Bytes packet = Encode(kRequest, kGeneration, message);
    Header header;
    Message decoded;
    for (size_t length = 0; length < packet.size(); length++) {
      const std::span<const uint8_t> part = std::span(packet).first(length);
      EXPECT_EQ(DecodeHeader(part, &header), length >= kHeaderBytes);
      if (length >= kHeaderBytes) EXPECT_FALSE(Decode(part, &decoded));
    }
    Bytes longer = packet;
    longer.push_back(0);
    EXPECT_FALSE(Decode(longer, &decoded));
  });
}

TEST(another_magic_or_version_is_refused) {
  Header header;
  for (size_t at = 0; at < 6; at++) {
    Bytes packet = Encode(kRequest, kGeneration, Ping{});
    packet[at] ^= 0x40;
    EXPECT_FALSE(DecodeHeader(packet, &header));
  }
}

TEST(names_lists_and_enumerations_beyond_their_limits_are_refused) {
  Map map;
  const Bytes name_packet = Encode(1, 1, Map{Access::kReadOnly, std::string(kNameBytesMax, 'n')});
  EXPECT_TRUE(Decode(name_packet, &map));
  Bytes too_long = name_packet;
  too_long[kHeaderBytes + 1]++;  // the count after the access
  too_long.push_back('n');
  EXPECT_FALSE(Decode(too_long, &map));
  Bytes no_access = name_packet;
  no_access[kHeaderBytes] = 2;
  EXPECT_FALSE(Decode(no_access, &map));

  Prefault prefault;
  Bytes ranges = Encode(1, 1, Prefault{3, std::vector<Range>(kRangesMax)});
  EXPECT_TRUE(Decode(ranges, &prefault));
  ranges[kHeaderBytes + 4]++;
  ranges.resize(ranges.size() + 16);
  EXPECT_FALSE(Decode(ranges, &prefault));
  // A count that promises more than there is must not be believed before it is looked at.
  std::fill_n(ranges.begin() + kHeaderBytes + 4, 4, 0xff);
  EXPECT_FALSE(Decode(ranges, &prefault));
}

TEST(texts_that_are_too_long_are_cut) {
  const std::string endless(1 << 20, 'x');
  const Bytes packet = Encode(1, 1, Done{{EIO, false, endless, endless}});
  EXPECT_LE(packet.size(), kPacketBytesMax);
  Done done;
  EXPECT_TRUE(Decode(packet, &done));
  EXPECT_EQ(done.outcome.message.size(), kTextBytesMax);
  // A part of JSON is of no use.
  EXPECT_EQ(done.outcome.detail.size(), 0);
}

TEST(packets_with_bytes_changed_decode_or_are_refused) {
  std::mt19937_64 random(umap::test::Seed());
  for (int round = 0; round < 2000; round++) {
    ForEachMessage([&](const auto& message) {
      using Message = std::remove_cvref_t<decltype(message)>;
      Bytes packet = Encode(kRequest, kGeneration, message);
      for (uint64_t changes = 1 + random() % 4; changes > 0; changes--) {
        packet[random() % packet.size()] = static_cast<uint8_t>(random());
      }
      if (random() % 4 == 0) packet.resize(random() % (2 * packet.size()));
      Header header;
      Message decoded;
      if (!DecodeHeader(packet, &header)) return;
      // What is taken is a message: it can be sent again, as the same bytes.
      if (!Decode(packet, &decoded)) return;
      Bytes again = Encode(header.request, header.generation, decoded);
      std::copy_n(packet.begin(), kHeaderBytes, again.begin());
      EXPECT_TRUE(again == packet);
    });
    if (umap::test::CurrentFailed()) return;
  }
}

}  // namespace
}  // namespace umap::wire

