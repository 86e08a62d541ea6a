#include "vmm/gdb/packets.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace orrery::vmm::gdb {
namespace {

std::vector<Arrival> read(std::string_view bytes) {
  PacketReader reader;
  std::vector<Arrival> all;
  for (const char byte : bytes) {
    if (auto arrival = reader.take(static_cast<std::uint8_t>(byte))) all.push_back(*arrival);
  }
  return all;
}

std::string only_packet(std::string_view bytes) {
  const auto all = read(bytes);
  if (all.size() != 1) return "not one arrival";
  const auto* const packet = std::get_if<Packet>(&all[0]);
  return packet == nullptr ? "no packet" : packet->data;
}

// GDB manual, E.1: "$packet-data#checksum", the sum of the data modulo 256.
TEST(Packets, AreFramedAndRead) {
  EXPECT_EQ(framed("OK"), "$OK#9a");
  EXPECT_EQ(framed(""), "$#00");
  EXPECT_EQ(only_packet("$OK#9a"), "OK");
  EXPECT_EQ(only_packet("noise$OK#9A"), "OK");
}

TEST(Packets, EscapesComeThroughBothWays) {
  const std::string data = "a#b$c}d*e";
  EXPECT_EQ(framed(data).find('#'), framed(data).size() - 3);
  EXPECT_EQ(only_packet(framed(data)), data);
}

TEST(Packets, WrongSumsAreTold) {
  const auto all = read("$OK#9b");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<BadPacket>(all[0]));
  EXPECT_TRUE(std::holds_alternative<BadPacket>(read("$OK#zz").at(0)));
}

TEST(Packets, OverlongOnesAreRefusedAndTheNextIsRead) {
  const auto all = read(framed(std::string(kLongestPacket + 1, 'a')) + "$OK#9a");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<BadPacket>(all[0]));
  EXPECT_EQ(std::get<Packet>(all[1]).data, "OK");
  EXPECT_EQ(only_packet(framed(std::string(kLongestPacket, 'a'))).size(), kLongestPacket);
}

TEST(Packets, ACutOffOneMakesRoom) {
  EXPECT_EQ(only_packet("$m1000,$OK#9a"), "OK");
}

TEST(Packets, AcknowledgementsAndInterrupts) {
  const auto all = read("+-\x03");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(std::get<Acknowledged>(all[0]).received);
  EXPECT_FALSE(std::get<Acknowledged>(all[1]).received);
  EXPECT_TRUE(std::holds_alternative<Interrupt>(all[2]));
}

TEST(Packets, HexadecimalNumbersAndBytes) {
  EXPECT_EQ(from_hex("00ffA5"), std::string("\x00\xff\xa5", 3));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  std::string_view text = "ffffffffffffffff,1";
  EXPECT_EQ(take_number(text), ~std::uint64_t{0});
  EXPECT_EQ(text, ",1");
  EXPECT_FALSE(take_number(text));
  text = "10000000000000000";
  EXPECT_FALSE(take_number(text)) << "65 bits";
}

}  // namespace
}  // namespace orrery::vmm::gdb
