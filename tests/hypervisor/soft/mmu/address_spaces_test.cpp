// What a vCPU keeps of its TLB when the guest changes address spaces (SDM vol. 3A, 4.10), and what
// a miss brings in beside.
#include "hypervisor/soft/mmu/address_spaces.hpp"

#include <cstdint>

#include <gtest/gtest.h>

#include "../interpret/bare_machine.hpp"
#include "x86/control_registers.hpp"
#include "x86/paging.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace entry = x86::page_entry;

constexpr std::uint64_t kLeaf = entry::kPresent | entry::kWritable | entry::kAccessed;
// Two address spaces of which each maps one table's pages, at kPages, to its own half of memory.
constexpr std::uint64_t kTables[] = {0x1'0000, 0x2'0000};
constexpr std::uint64_t kMemory[] = {0x10'0000, 0x18'0000};
constexpr std::uint64_t kPages = 0x40'0000;
constexpr std::uint64_t kPageCount = 64;
constexpr std::uint64_t kGlobalPage = kPages + 63 * kPageSize;

constexpr std::uint64_t linear(std::uint64_t page) {
  return kPages + page * kPageSize;
}

class AddressSpacesTest : public testing::Test {
 protected:
  explicit AddressSpacesTest(const PagingOptions& paging = {.batches = false}) : machine_(paging) {
    for (unsigned space = 0; space < 2; ++space) {
      const std::uint64_t top = kTables[space];
      machine_.store(top, (top + 0x1000) | kLeaf);
      machine_.store(top + 0x1000, (top + 0x2000) | kLeaf);
      machine_.store(top + 0x2000 + 2 * 8, (top + 0x3000) | kLeaf);
      for (std::uint64_t page = 0; page < kPageCount; ++page) {
        set_leaf(space, page, physical(space, page) | kLeaf | entry::kDirty);
        machine_.store(physical(space, page), space * 1000 + page);
      }
      set_leaf(space, 63, physical(0, 63) | kLeaf | entry::kDirty | entry::kGlobal);
    }
    x86::CpuState state = x86::reset_state();
    state.cr0 |= x86::cr0::kProtectionEnable | x86::cr0::kPaging;
    state.cr3 = cr3(0);
    state.cr4 |=
        x86::cr4::kPhysicalAddressExtension | x86::cr4::kPcid | x86::cr4::kPageGlobalEnable;
    state.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive;
    state[x86::SegmentRegister::kCs].attributes = x86::SegmentAttributes(0xa09b);
    cpu().import_state(state);
  }

  static std::uint64_t physical(unsigned space, std::uint64_t page) {
    return kMemory[space] + page * kPageSize;
  }
  // Space N has PCID N + 1, or another.
  static std::uint64_t cr3(unsigned space, std::uint64_t pcid) { return kTables[space] | pcid; }
  static std::uint64_t cr3(unsigned space) { return cr3(space, space + 1); }

  void set_leaf(unsigned space, std::uint64_t page, std::uint64_t value) {
    machine_.store(kTables[space] + 0x3000 + page * 8, value);
  }
  std::uint64_t leaf(unsigned space, std::uint64_t page) const {
    return machine_.load_word(kTables[space] + 0x3000 + page * 8);
  }

  Cpu& cpu() { return machine_.cpu(); }
  std::uint64_t read(std::uint64_t page) { return cpu().read<std::uint64_t>(linear(page)); }
  void write(std::uint64_t page, std::uint64_t value) { cpu().write(linear(page), value); }
  // Misses that FUNCTION causes.
  template <typename Function>
  std::uint64_t misses(Function function) {
    const std::uint64_t before = cpu().statistics.tlb_misses;
    function();
    return cpu().statistics.tlb_misses - before;
  }
  std::uint64_t misses_of_reading(std::uint64_t page, std::uint64_t expected) {
    return misses([&] { EXPECT_EQ(read(page), expected); });
  }

  BareMachine machine_;
};

TEST_F(AddressSpacesTest, FindsEntriesAsTheyWereLeft) {
  EXPECT_EQ(misses_of_reading(3, 3), 1u);
  cpu().load_address_space(cr3(1), false);
  EXPECT_EQ(misses_of_reading(3, 1003), 1u);
  cpu().load_address_space(cr3(0), true);
  EXPECT_EQ(misses_of_reading(3, 3), 0u);
  cpu().load_address_space(cr3(1), true);
  EXPECT_EQ(misses_of_reading(3, 1003), 0u);
  EXPECT_EQ(cpu().statistics.address_spaces_kept, 2u);
}

TEST_F(AddressSpacesTest, GlobalPagesStayAndAreNotRestored) {
  EXPECT_EQ(misses_of_reading(63, 63), 1u);
  cpu().load_address_space(cr3(1), false);
  EXPECT_EQ(misses_of_reading(63, 63), 0u);
  cpu().flush_tlb_page(kGlobalPage);
  set_leaf(0, 63, physical(1, 63) | kLeaf);
  cpu().load_address_space(cr3(0), true);
  EXPECT_EQ(misses_of_reading(63, 1063), 1u);
}

TEST_F(AddressSpacesTest, ForgetsWhatALoadInvalidates) {
  (void)read(3);
  cpu().load_address_space(cr3(1), false);
  cpu().load_address_space(cr3(0), false);  // bit 63 clear
  EXPECT_EQ(misses_of_reading(3, 3), 1u);
  // Of the same PCID nothing is kept, though another top table is loaded.
  cpu().load_address_space(cr3(1, 1), false);
  EXPECT_EQ(misses_of_reading(3, 1003), 1u);
}

TEST_F(AddressSpacesTest, ForgetsWhatIsInvalidatedMeanwhile) {
  const auto leave = [this] {
    (void)read(3);
    cpu().load_address_space(cr3(1), true);
  };
  const auto misses_again = [this] {
    cpu().load_address_space(cr3(0), true);
    return misses_of_reading(3, 3);
  };
  leave();
  cpu().forget_address_space(1);
  EXPECT_EQ(misses_again(), 1u);
  leave();
  cpu().forget_address_spaces();
  EXPECT_EQ(misses_again(), 1u);
  leave();
  cpu().flush_tlb();
  EXPECT_EQ(misses_again(), 1u);
  leave();
  cpu().flush_tlb_page(linear(3));  // of the current one only
  EXPECT_EQ(misses_again(), 0u);
  leave();
  cpu().forget_address_space(7);
  EXPECT_EQ(misses_again(), 0u);
}

TEST_F(AddressSpacesTest, TheLeastRecentlyUsedGivesWay) {
  (void)read(3);
  for (std::uint64_t pcid = 2; pcid < 2 + AddressSpaces::kMostSpaces; ++pcid) {
    cpu().load_address_space(cr3(1, pcid), false);
    (void)read(3);
  }
  cpu().load_address_space(cr3(0), true);
  EXPECT_EQ(misses_of_reading(3, 3), 1u);
  cpu().load_address_space(cr3(1, 1 + AddressSpaces::kMostSpaces), true);
  EXPECT_EQ(misses_of_reading(3, 1003), 0u);
}

// A store must be seen where code has been decoded while the page's address space was away.
TEST_F(AddressSpacesTest, StoresToCodeAreSeenOnReturn) {
  write(3, 1);
  EXPECT_EQ(misses([this] { write(3, 2); }), 0u);
  cpu().load_address_space(cr3(1), false);
  const std::uint32_t version =
      machine_.code_pages().begin_decode(GuestPhysical(physical(0, 3)), 8, cpu());
  cpu().load_address_space(cr3(0), true);
  write(3, 3);
  EXPECT_NE(machine_.code_pages().page(GuestPhysical(physical(0, 3))).version.load(), version);
  EXPECT_EQ(read(3), 3u);
}

class PlainPagingTest : public AddressSpacesTest {
 protected:
  PlainPagingTest()
      : AddressSpacesTest(
            {.tags = false, .batches = false, .lazy_dirty = false, .directed = false}) {}
};

TEST_F(PlainPagingTest, ForgetsAtEverySwitchAndMissesAtTheFirstStore) {
  EXPECT_EQ(misses_of_reading(3, 3), 1u);
  EXPECT_EQ(misses([this] { write(3, 4); }), 1u);
  cpu().load_address_space(cr3(1), true);
  cpu().load_address_space(cr3(0), true);
  EXPECT_EQ(misses_of_reading(3, 4), 1u);
  EXPECT_EQ(cpu().statistics.address_spaces_kept, 0u);
}

class NeighboursTest : public AddressSpacesTest {
 protected:
  NeighboursTest() : AddressSpacesTest(PagingOptions{}) {}
};

TEST_F(NeighboursTest, ComeInWithAMiss) {
  EXPECT_EQ(misses_of_reading(11, 11), 1u);
  for (std::uint64_t page = 8; page < 16; ++page) EXPECT_EQ(misses_of_reading(page, page), 0u);
  EXPECT_EQ(misses_of_reading(16, 16), 1u);
  EXPECT_EQ(misses_of_reading(7, 7), 1u);
}

TEST_F(NeighboursTest, AreLeftAloneWhereThatWouldShow) {
  set_leaf(0, 8, physical(0, 8) | entry::kPresent);                   // not accessed
  set_leaf(0, 9, 0);                                                  // not present
  set_leaf(0, 10, physical(0, 10) | kLeaf | std::uint64_t{1} << 51);  // reserved bits
  EXPECT_EQ(misses_of_reading(11, 11), 1u);
  EXPECT_EQ(leaf(0, 8) & entry::kAccessed, 0u);
  EXPECT_EQ(misses_of_reading(8, 8), 1u);
  EXPECT_NE(leaf(0, 8) & entry::kAccessed, 0u);
  EXPECT_THROW((void)read(9), Fault);
  EXPECT_THROW((void)read(10), Fault);
}

TEST_F(NeighboursTest, AreWritableOnlyWhereTheyMayBe) {
  (void)read(8);
  write(12, 1);
  cpu().flush_tlb();
  (void)read(11);
  EXPECT_EQ(misses([this] { write(12, 2); }), 0u);
  set_leaf(0, 12, physical(0, 12) | kLeaf);  // clean again
  cpu().flush_tlb();
  (void)read(11);
  EXPECT_EQ(misses([this] { write(12, 3); }), 1u);
  EXPECT_NE(leaf(0, 12) & entry::kDirty, 0u);
}

}  // namespace
}  // namespace orrery::hypervisor::soft
