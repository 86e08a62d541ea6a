// ELF parsing (System V ABI).
#include "machine/boot/elf.hpp"

#include "machine/boot/boot_fixture.hpp"
#include "machine/boot/elf_builder.hpp"

namespace orrery::machine::boot {
namespace {

class ElfTest : public BootTest, public ::testing::WithParamInterface<ElfClass> {};

TEST_P(ElfTest, ReadsSegmentsAndTranslatesTheEntry) {
  ElfBuilder builder(GetParam(), 0xc010'0010);
  builder.add_segment(0xc010'0000, 0x10'0000, std::vector<std::byte>(32), 64);
  const auto bytes = builder.build();
  const auto file = parse_elf(bytes);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  ASSERT_EQ(file->segments.size(), 1u);
  EXPECT_EQ(file->segments[0].bytes.size(), 32u);
  EXPECT_EQ(file->segments[0].memory_size, 64u);
  EXPECT_EQ(file->physical_entry(), 0x10'0010u);
}

TEST_P(ElfTest, RefusesCutsAnywhere) {
  ElfBuilder builder(GetParam(), 0);
  builder.add_segment(0, 0x10'0000, std::vector<std::byte>(32), 64);
  const auto bytes = builder.build();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_elf(ByteSpan(bytes).first(size)).has_value()) << size;
  }
}

TEST_P(ElfTest, RefusesOtherProcessors) {
  ElfBuilder builder(GetParam(), 0);
  builder.add_segment(0, 0x10'0000, std::vector<std::byte>(32), 64);
  auto bytes = builder.build();
  bytes[0x12] = std::byte{40};  // ARM
  EXPECT_NE(refusal(bytes).find("not x86"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Classes, ElfTest, ::testing::Values(ElfClass::k32, ElfClass::k64));

TEST_F(BootTest, RefusesAnElfWithoutABootProtocol) {
  ElfBuilder builder(ElfClass::k64, 0x10'0000);
  builder.add_segment(0x10'0000, 0x10'0000, std::vector<std::byte>(32), 64);
  const auto bytes = builder.build();
  EXPECT_NE(refusal(bytes).find("CONFIG_PVH"), std::string::npos);
}

}  // namespace
}  // namespace orrery::machine::boot
