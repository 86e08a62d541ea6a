// The ACPI tables as an operating system finds them (ACPI 6.5, 5.2), and the encoding of AML
// (20.2).
#include <cstring>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "machine/acpi/aml.hpp"
#include "machine/acpi/tables.hpp"

namespace orrery::machine::acpi {
namespace {

std::string hex(const Code& code) {
  std::string text;
  for (const std::byte byte : code) {
    const char* digits = "0123456789abcdef";
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

TEST(Aml, Integers) {
  EXPECT_EQ(hex(integer(0)), "00");
  EXPECT_EQ(hex(integer(1)), "01");
  EXPECT_EQ(hex(integer(0x7f)), "0a7f");
  EXPECT_EQ(hex(integer(0x1234)), "0b3412");
  EXPECT_EQ(hex(integer(0x12345678)), "0c78563412");
  EXPECT_EQ(hex(integer(0x1'0000'0000)), "0e0000000001000000");
}

TEST(Aml, NamesAndIds) {
  EXPECT_EQ(hex(name("_HID", eisa_id("PNP0A03"))), "085f4849440c41d00a03");
  EXPECT_EQ(hex(name("\\_SB.PCI0", integer(1))), "085c2e5f53425f5043493001");
}

TEST(Aml, PackageLengths) {
  EXPECT_EQ(hex(package({integer(0), integer(5)})), "120502000a05");
  // 63 bytes do not fit one length byte any more: two, with the low four bits in the first.
  const Code large = scope("\\", {Code(100, std::byte{0})});
  EXPECT_EQ(hex(Code(large.begin(), large.begin() + 4)), "1047065c");
}

TEST(Aml, Resources) {
  EXPECT_EQ(hex(resources({io(0x3f8, 8), irq(4)})), "11100a0d4701f803f80301082210007900");
  EXPECT_EQ(hex(io(0x3f8, 8)), "4701f803f8030108");
  EXPECT_EQ(hex(irq(4)), "221000");
}

class TablesTest : public ::testing::Test {
 protected:
  TablesTest() {
    auto made = memory::GuestMemory::create(map.regions());
    memory = std::move(*made);
    rsdp = *write_tables(*memory, map, {.vcpus = 3, .pci_irqs = {10, 11, 10, 11}});
  }
  template <typename T>
  T load(GuestPhysical address) const {
    T value{};
    EXPECT_TRUE(memory->read(address, {reinterpret_cast<std::byte*>(&value), sizeof value}));
    return value;
  }
  unsigned sum(GuestPhysical address, std::uint64_t size) const {
    std::uint8_t total = 0;
    for (std::uint64_t i = 0; i < size; ++i) total += load<std::uint8_t>(address + i);
    return total;
  }
  // Address of the table in the XSDT with this signature, its checksum verified.
  GuestPhysical find(std::string_view signature) const {
    const GuestPhysical xsdt(load<std::uint64_t>(rsdp + 24));
    for (std::uint64_t at = 36; at < load<std::uint32_t>(xsdt + 4); at += 8) {
      const GuestPhysical table(load<std::uint64_t>(xsdt + at));
      if (load<std::uint32_t>(table) == load_le<std::uint32_t>(signature.data())) {
        EXPECT_EQ(sum(table, load<std::uint32_t>(table + 4)), 0u) << signature;
        return table;
      }
    }
    ADD_FAILURE() << "no table " << signature;
    return {};
  }

  MemoryMap map{Bytes(64_MiB)};
  std::unique_ptr<memory::GuestMemory> memory;
  GuestPhysical rsdp;
};

TEST_F(TablesTest, RootPointer) {
  EXPECT_EQ(rsdp.value() % 16, 0u);
  EXPECT_EQ(load<std::uint64_t>(rsdp), 0x2052'5450'2044'5352u);  // "RSD PTR "
  EXPECT_EQ(sum(rsdp, 20), 0u);
  EXPECT_EQ(sum(rsdp, 36), 0u);
  const GuestPhysical rsdt(load<std::uint32_t>(rsdp + 16));
  EXPECT_EQ(sum(rsdt, load<std::uint32_t>(rsdt + 4)), 0u);
}

TEST_F(TablesTest, FixedDescription) {
  const GuestPhysical fadt = find("FACP");
  EXPECT_EQ(load<std::uint32_t>(fadt + 4), 276u);
  EXPECT_EQ(load<std::uint16_t>(fadt + 46), 9u);       // SCI_INT
  EXPECT_EQ(load<std::uint32_t>(fadt + 56), 0x600u);   // PM1a_EVT_BLK
  EXPECT_EQ(load<std::uint32_t>(fadt + 64), 0x604u);   // PM1a_CNT_BLK
  EXPECT_EQ(load<std::uint32_t>(fadt + 76), 0x608u);   // PM_TMR_BLK
  EXPECT_EQ(load<std::uint64_t>(fadt + 120), 0xcf9u);  // RESET_REG's address
  EXPECT_EQ(load<std::uint8_t>(fadt + 128), 6u);       // RESET_VALUE
  const GuestPhysical dsdt(load<std::uint64_t>(fadt + 140));
  EXPECT_EQ(load<std::uint32_t>(dsdt), 0x5444'5344u);
  EXPECT_EQ(sum(dsdt, load<std::uint32_t>(dsdt + 4)), 0u);
  const GuestPhysical facs(load<std::uint32_t>(fadt + 36));
  EXPECT_EQ(facs.value() % 64, 0u);
}

TEST_F(TablesTest, InterruptControllers) {
  const GuestPhysical madt = find("APIC");
  unsigned counts[5] = {};
  for (std::uint64_t at = 44; at < load<std::uint32_t>(madt + 4);
       at += load<std::uint8_t>(madt + at + 1)) {
    ++counts[load<std::uint8_t>(madt + at)];
  }
  EXPECT_EQ(counts[0], 3u);  // local APICs
  EXPECT_EQ(counts[1], 1u);  // I/O APIC
  EXPECT_EQ(counts[2], 4u);  // overrides: 0, 9, 10, 11
  EXPECT_EQ(counts[4], 1u);  // local NMI
}

TEST_F(TablesTest, EverythingLiesWhereTheMemoryMapSays) {
  const GuestPhysical xsdt(load<std::uint64_t>(rsdp + 24));
  EXPECT_GE(xsdt, map.acpi_tables());
  EXPECT_LT(xsdt, map.acpi_tables() + MemoryMap::kAcpiTablesSize);
}

}  // namespace
}  // namespace orrery::machine::acpi
