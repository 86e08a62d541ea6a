// The MP tables as an operating system reads them (MultiProcessor Specification 1.4, chapter 4).
#include "machine/mp_tables.hpp"

#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "machine/memory_map.hpp"

namespace orrery::machine {
namespace {

class MpTables : public ::testing::Test {
 protected:
  MpTables() { EXPECT_TRUE(write_mp_tables(*memory, 3, {10, 11, 10, 11})); }

  template <typename T>
  T load(std::uint64_t address) const {
    T value{};
    EXPECT_TRUE(
        memory->read(GuestPhysical(address), {reinterpret_cast<std::byte*>(&value), sizeof value}));
    return value;
  }
  unsigned sum(std::uint64_t address, std::uint64_t size) const {
    std::uint8_t total = 0;
    for (std::uint64_t i = 0; i < size; ++i) total += load<std::uint8_t>(address + i);
    return total;
  }
  // As a kernel finds it: on a 16-byte boundary of the last 64 KiB below 1 MiB.
  std::optional<std::uint64_t> find_pointer() const {
    for (std::uint64_t at = 0xf'0000; at < 0x10'0000; at += 16) {
      if (load<std::uint32_t>(at) == 0x5f50'4d5f && sum(at, 16) == 0) return at;  // "_MP_"
    }
    return std::nullopt;
  }

  MemoryMap map{Bytes(16_MiB)};
  std::unique_ptr<memory::GuestMemory> memory =
      std::move(*memory::GuestMemory::create(map.regions()));
};

TEST_F(MpTables, AreFoundAndWhole) {
  const auto pointer = find_pointer();
  ASSERT_TRUE(pointer);
  const std::uint64_t table = load<std::uint32_t>(*pointer + 4);
  EXPECT_EQ(load<std::uint32_t>(table), 0x504d'4350u);  // "PCMP"
  EXPECT_EQ(sum(table, load<std::uint16_t>(table + 4)), 0u);
  EXPECT_EQ(load<std::uint32_t>(table + 36), 0xfee0'0000u);
}

TEST_F(MpTables, EntriesAreCountedAndInTheOrderOfTheirTypes) {
  const std::uint64_t table = load<std::uint32_t>(*find_pointer() + 4);
  const std::uint64_t end = table + load<std::uint16_t>(table + 4);
  std::array<unsigned, 5> counts{};
  std::uint8_t last = 0;
  unsigned bootstrap = 0;
  std::array<unsigned, 24> pins{};
  for (std::uint64_t at = table + 44; at < end;) {
    const auto type = load<std::uint8_t>(at);
    ASSERT_LT(type, counts.size());
    EXPECT_GE(type, last);
    last = type;
    ++counts[type];
    if (type == 0) bootstrap += (load<std::uint8_t>(at + 3) & 2) != 0 ? 1 : 0;
    if (type == 3) ++pins.at(load<std::uint8_t>(at + 7));
    at += type == 0 ? 20 : 8;
    EXPECT_LE(at, end);
  }
  EXPECT_EQ(counts[0] + counts[1] + counts[2] + counts[3] + counts[4],
            load<std::uint16_t>(table + 34));
  EXPECT_EQ(counts[0], 3u);
  EXPECT_EQ(bootstrap, 1u);
  EXPECT_EQ(counts[1], 2u);
  EXPECT_EQ(counts[2], 1u);
  EXPECT_EQ(pins[0], 0u);
  EXPECT_EQ(pins[2], 1u);  // the timer
  EXPECT_EQ(pins[4], 1u);
  EXPECT_EQ(pins[10], 31u * 2);
  EXPECT_EQ(pins[11], 31u * 2);
}

}  // namespace
}  // namespace orrery::machine
