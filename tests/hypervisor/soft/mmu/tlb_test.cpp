#include "hypervisor/soft/mmu/tlb.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace orrery::hypervisor::soft {
namespace {

constexpr std::uint64_t kProgram = 0x40'0000;
constexpr std::uint64_t kKernel = 0xffff'ffff'8100'0000;
constexpr auto kMode = AccessMode::kSupervisor;

class TlbTest : public testing::Test {
 protected:
  enum class Scope : std::uint8_t { kLocal, kGlobal };

  void fill(std::uint64_t linear, Scope scope) {
    TlbEntry& entry = tlb_->entry_to_fill(kMode, linear, scope == Scope::kGlobal);
    entry = {linear, linear, reinterpret_cast<std::uint64_t>(page_), linear};
  }
  bool reads(std::uint64_t linear) const {
    return TlbEntry::hits(linear ^ tlb_->entry(kMode, linear).read_tag, 8);
  }
  bool writes(std::uint64_t linear) const {
    return TlbEntry::hits(linear ^ tlb_->entry(kMode, linear).write_tag, 8);
  }

  std::unique_ptr<Tlb> tlb_ = std::make_unique<Tlb>();
  std::byte page_[1];
};

TEST_F(TlbTest, IsEmptyAtFirst) {
  EXPECT_FALSE(reads(0));
  EXPECT_FALSE(reads(kProgram));
  EXPECT_FALSE(writes(kKernel));
}

TEST_F(TlbTest, KeepsGlobalPagesWhenTheAddressSpaceChanges) {
  fill(kProgram, Scope::kLocal);
  fill(kKernel + kPageSize, Scope::kGlobal);
  tlb_->flush_non_global();
  EXPECT_FALSE(reads(kProgram));
  EXPECT_TRUE(reads(kKernel + kPageSize));
  tlb_->flush_all();
  EXPECT_FALSE(reads(kKernel + kPageSize));
}

// What a slot held before does not matter.
TEST_F(TlbTest, JudgesASlotByWhatItHoldsNow) {
  const std::uint64_t program = kProgram;
  const std::uint64_t kernel = kKernel + Tlb::index_of(kProgram) * kPageSize;
  ASSERT_EQ(Tlb::index_of(program), Tlb::index_of(kernel));
  fill(program, Scope::kLocal);
  fill(kernel, Scope::kGlobal);
  tlb_->flush_non_global();
  EXPECT_TRUE(reads(kernel));
  fill(program, Scope::kLocal);
  tlb_->flush_non_global();
  EXPECT_FALSE(reads(program));
}

TEST_F(TlbTest, DropsOnePage) {
  fill(kProgram, Scope::kLocal);
  fill(kProgram + kPageSize, Scope::kLocal);
  tlb_->flush_page(kProgram + 0x123);
  EXPECT_FALSE(reads(kProgram));
  EXPECT_TRUE(reads(kProgram + kPageSize));
}

// SDM vol. 3A, 4.10.4.1: INVLPG drops the whole page, whatever its size.
TEST_F(TlbTest, DropsAllPartsOfALargePage) {
  for (const unsigned shift : {21u, 22u, 30u}) {
    tlb_->note_large(kProgram, shift);
    fill(kProgram, Scope::kLocal);
    tlb_->flush_page(kProgram + (std::uint64_t{1} << (shift - 1)) + kPageSize);
    EXPECT_FALSE(reads(kProgram)) << shift;
  }
}

TEST_F(TlbTest, TakesAwayWritingAlone) {
  fill(kProgram, Scope::kLocal);
  tlb_->flush_writes(page_ + 1);
  EXPECT_TRUE(writes(kProgram));
  tlb_->flush_writes(page_);
  EXPECT_FALSE(writes(kProgram));
  EXPECT_TRUE(reads(kProgram));
  fill(kKernel, Scope::kGlobal);
  tlb_->flush_all_writes();
  EXPECT_FALSE(writes(kKernel));
  EXPECT_TRUE(reads(kKernel));
}

}  // namespace
}  // namespace orrery::hypervisor::soft
