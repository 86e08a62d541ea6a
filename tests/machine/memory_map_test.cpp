// Where RAM lies and what the guest is told.
#include "machine/memory_map.hpp"

#include <gtest/gtest.h>

namespace orrery::machine {
namespace {

std::uint64_t usable(const MemoryMap& map) {
  std::uint64_t sum = 0;
  for (const Range& range : map.ranges()) {
    if (range.kind == RangeKind::kUsable) sum += range.size.value();
  }
  return sum;
}

TEST(MemoryMap, SmallMachine) {
  const MemoryMap map(Bytes(512_MiB));
  EXPECT_EQ(map.high_size(), Bytes(0));
  EXPECT_EQ(map.usable_low_end(), GuestPhysical(512_MiB - MemoryMap::kAcpiTablesSize));
  EXPECT_EQ(usable(map), 512_MiB - MemoryMap::kAcpiTablesSize - (1_MiB - 0x9'fc00));
  EXPECT_EQ(map.high_pci_window(), GuestPhysical(4_GiB));
}

TEST(MemoryMap, RamGoesOnAboveFourGibibytes) {
  const MemoryMap map(Bytes(5_GiB + 4096));
  EXPECT_EQ(map.low_size(), Bytes(3_GiB));
  EXPECT_EQ(map.high_size(), Bytes(2_GiB + 4096));
  EXPECT_EQ(map.ranges().back(),
            (Range{GuestPhysical(4_GiB), Bytes(2_GiB + 4096), RangeKind::kUsable}));
  EXPECT_EQ(map.high_pci_window(), GuestPhysical(7_GiB));
}

TEST(MemoryMap, RangesAreSortedAndApart) {
  for (const std::uint64_t size : {8_MiB, 3_GiB, 4_GiB}) {
    const MemoryMap map{Bytes(size)};
    GuestPhysical end;
    for (const Range& range : map.ranges()) {
      EXPECT_GE(range.start, end);
      end = range.start + range.size.value();
    }
    for (const memory::Region& region : map.regions()) {
      EXPECT_EQ(region.start.value() % kPageSize, 0u);
      EXPECT_EQ(region.size.value() % kPageSize, 0u);
    }
  }
}

}  // namespace
}  // namespace orrery::machine
