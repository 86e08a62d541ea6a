// The paging modes of SDM vol. 3A, 4.3 to 4.5.
#include "vmm/gdb/linear_memory.hpp"

#include <gtest/gtest.h>

#include "x86/control_registers.hpp"
#include "x86/paging.hpp"

namespace orrery::vmm::gdb {
namespace {

using namespace x86::page_entry;

class LinearMemory : public ::testing::Test {
 protected:
  template <typename Entry>
  void put(std::uint64_t address, Entry entry) {
    ASSERT_TRUE(memory->write(GuestPhysical(address), as_bytes(&entry, sizeof entry)));
  }
  std::optional<std::uint64_t> at(std::uint64_t linear) const {
    const auto physical = translate(state, *memory, GuestLinear(linear));
    if (!physical) return std::nullopt;
    return physical->value();
  }
  void long_mode() {
    state.cr0 = x86::cr0::kProtectionEnable | x86::cr0::kPaging;
    state.cr4 = x86::cr4::kPhysicalAddressExtension;
    state.efer = x86::efer::kLongModeActive;
    state.cr3 = 0x1000;
    put(0x1000, std::uint64_t{0x2000 | kPresent});
    put(0x2000, std::uint64_t{0x3000 | kPresent});
    put(0x3000, std::uint64_t{0x4000 | kPresent});
  }

  std::unique_ptr<memory::GuestMemory> memory =
      std::move(*memory::GuestMemory::create({{GuestPhysical(0), Bytes(1_MiB)}}));
  x86::CpuState state;
};

TEST_F(LinearMemory, WithoutPagingItIsPhysical) {
  EXPECT_EQ(at(0x1'0000'1234), 0x1234u);
}

TEST_F(LinearMemory, FourLevelsWithPagesOfThreeSizes) {
  long_mode();
  put(0x2008, std::uint64_t{0x4000'0000 | kPresent | kLarge});
  put(0x3008, std::uint64_t{0x60'0000 | kPresent | kLarge | kExecuteDisable});
  put(0x4008, std::uint64_t{0x9000 | kPresent});
  EXPECT_EQ(at(0x1234), 0x9234u);
  EXPECT_EQ(at(0x20'0567), 0x60'0567u);
  EXPECT_EQ(at(0x4012'3456), 0x4012'3456u);
  EXPECT_FALSE(at(0)) << "a page that is not present";
  EXPECT_FALSE(at(std::uint64_t{1} << 39)) << "a table that is not present";
}

TEST_F(LinearMemory, TablesOutsideOfMemoryAreNotRead) {
  long_mode();
  state.cr3 = 0xffff'f000;
  EXPECT_FALSE(at(0x1000));
}

TEST_F(LinearMemory, PhysicalAddressExtension) {
  state.cr0 = x86::cr0::kPaging;
  state.cr4 = x86::cr4::kPhysicalAddressExtension;
  state.cr3 = 0x1020;
  put(0x1020 + 3 * 8, std::uint64_t{0x2000 | kPresent});
  put(0x2000, std::uint64_t{0x1'0020'0000 | kPresent | kLarge});
  EXPECT_EQ(at(0xc000'0042), 0x1'0020'0042u);
  EXPECT_FALSE(at(0x42));
}

TEST_F(LinearMemory, ThirtyTwoBitPagingWithLargePagesBeyondFourGiB) {
  state.cr0 = x86::cr0::kPaging;
  state.cr3 = 0x1000;
  const auto large = static_cast<std::uint32_t>(0x40'0000 | kPresent | kLarge | 1u << 13);
  put(0x1004, large);
  put(0x1008, static_cast<std::uint32_t>(0x2000 | kPresent));
  put(0x2004, static_cast<std::uint32_t>(0x5000 | kPresent));
  EXPECT_EQ(at(0x80'1abc), 0x5abcu);
  state.cr4 = x86::cr4::kPageSizeExtensions;
  EXPECT_EQ(at(0x40'1234), 0x1'0040'1234u);
}

TEST_F(LinearMemory, ReadsAndWritesAcrossPagesThatLieApart) {
  long_mode();
  put(0x4000, std::uint64_t{0x9000 | kPresent});
  put(0x4008, std::uint64_t{0x7000 | kPresent});
  const std::byte bytes[4] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  ASSERT_TRUE(write_linear(state, *memory, GuestLinear(0xffe), bytes));
  std::byte low[2];
  std::byte high[2];
  ASSERT_TRUE(memory->read(GuestPhysical(0x9ffe), low));
  ASSERT_TRUE(memory->read(GuestPhysical(0x7000), high));
  EXPECT_EQ(low[1], std::byte{2});
  EXPECT_EQ(high[0], std::byte{3});
  std::byte back[6] = {};
  EXPECT_EQ(read_linear(state, *memory, GuestLinear(0x1ffe), back), 2u) << "the next is missing";
  EXPECT_FALSE(write_linear(state, *memory, GuestLinear(0x1ffe), bytes));
}

}  // namespace
}  // namespace orrery::vmm::gdb
