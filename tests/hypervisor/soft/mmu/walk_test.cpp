// The page walker against SDM vol. 3A, chapter 4.
#include "hypervisor/soft/mmu/walk.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "hypervisor/soft/fault.hpp"
#include "x86/paging.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace entry = x86::page_entry;

constexpr std::uint64_t kTables = 0x1000;  // top level; the next ones follow page by page
constexpr std::uint64_t kUserPage = entry::kPresent | entry::kWritable | entry::kUser;
constexpr std::uint64_t kLinear = 0x40'2000;  // top indices 0, 0, 2, 2 in 4-level paging

class WalkTest : public testing::Test {
 protected:
  WalkTest()
      : memory_(
            std::move(memory::GuestMemory::create({{GuestPhysical(0), Bytes(1_MiB)}})).value()) {
    state_.cr0 = x86::cr0::kPaging | x86::cr0::kProtectionEnable | x86::cr0::kWriteProtect;
    state_.cr3 = kTables;
  }

  void long_mode() {
    state_.cr4 |= x86::cr4::kPhysicalAddressExtension;
    state_.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive | x86::efer::kNoExecute;
    put(kTables, (kTables + 0x1000) | kUserPage);
    put(kTables + 0x1000, (kTables + 0x2000) | kUserPage);
    put(kTables + 0x2000 + 2 * 8, (kTables + 0x3000) | kUserPage);
    put_leaf(0x5000 | kUserPage);
  }

  static constexpr std::uint64_t kLeafPlace = kTables + 0x3000 + 2 * 8;
  void put_leaf(std::uint64_t value) { put(kLeafPlace, value); }
  // With the invalidation that a change asks for.
  void put(std::uint64_t address, std::uint64_t value) {
    put_silently(address, value);
    tables_.forget();
  }
  void put_silently(std::uint64_t address, std::uint64_t value) {
    ASSERT_TRUE(memory_->write(GuestPhysical(address), as_bytes(&value, sizeof value)));
  }
  std::uint64_t get(std::uint64_t address) {
    std::uint64_t value = 0;
    EXPECT_TRUE(memory_->read(GuestPhysical(address),
                              {reinterpret_cast<std::byte*>(&value), sizeof value}));
    return value;
  }

  std::optional<std::uint64_t> physical(Access access, AccessMode mode) {
    try {
      return walk(state_, *memory_, tables_, kLinear | 0x123, access, mode).physical.value();
    } catch (const Fault& fault) {
      fault_ = fault;
      return std::nullopt;
    }
  }
  std::uint32_t error_code(Access access, AccessMode mode) {
    EXPECT_EQ(physical(access, mode), std::nullopt);
    EXPECT_EQ(fault_.address, kLinear | 0x123);
    return fault_.error_code;
  }

  x86::CpuState state_;
  std::unique_ptr<memory::GuestMemory> memory_;
  TableCache tables_;
  Fault fault_{x86::Exception::kPageFault};
};

constexpr std::uint64_t kTranslated = 0x5123;

TEST_F(WalkTest, WithoutPagingAddressesStay) {
  state_.cr0 = x86::cr0::kProtectionEnable;
  EXPECT_EQ(physical(Access::kWrite, AccessMode::kUser), kLinear | 0x123);
}

TEST_F(WalkTest, FourLevelsLeadToThePage) {
  long_mode();
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), kTranslated);
}

TEST_F(WalkTest, SetsAccessedOnEveryLevelAndDirtyOnlyForWrites) {
  long_mode();
  physical(Access::kRead, AccessMode::kUser);
  for (const std::uint64_t place : {kTables, kTables + 0x1000, kTables + 0x2010}) {
    EXPECT_TRUE(get(place) & entry::kAccessed) << place;
    EXPECT_FALSE(get(place) & entry::kDirty) << place;
  }
  EXPECT_EQ(get(kLeafPlace) & (entry::kAccessed | entry::kDirty), entry::kAccessed);
  physical(Access::kWrite, AccessMode::kUser);
  EXPECT_TRUE(get(kLeafPlace) & entry::kDirty);
}

// What an upper level says is known until it is invalidated; the last level is always read.
TEST_F(WalkTest, KnowsTheLastTableUntilItIsForgotten) {
  long_mode();
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), kTranslated);
  put_silently(kTables + 0x1000, 0);
  put_silently(kLeafPlace, 0x6000 | kUserPage);
  EXPECT_EQ(physical(Access::kWrite, AccessMode::kUser), 0x6123u);
  // An address that has the same place among the known ones.
  constexpr std::uint64_t kAlike = kLinear + kPageSize * 512 * 128;
  EXPECT_FALSE(try_walk(state_, *memory_, tables_, kAlike, Access::kRead, AccessMode::kUser));
  tables_.forget();
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), std::nullopt);
}

TEST_F(WalkTest, FaultsTellWhatWasWrong) {
  using namespace x86::page_fault;
  long_mode();
  put_leaf(0);
  EXPECT_EQ(error_code(Access::kRead, AccessMode::kSupervisor), 0u);
  EXPECT_EQ(error_code(Access::kWrite, AccessMode::kUser), kWrite | kUser);
  EXPECT_EQ(error_code(Access::kExecute, AccessMode::kUser), kInstructionFetch | kUser);
  put_leaf(0x5000 | entry::kPresent);
  EXPECT_EQ(error_code(Access::kRead, AccessMode::kUser), kPresent | kUser);
  EXPECT_EQ(error_code(Access::kWrite, AccessMode::kSupervisor), kPresent | kWrite);
  put_leaf(0x5000 | kUserPage | std::uint64_t{1} << 45);
  EXPECT_EQ(error_code(Access::kRead, AccessMode::kUser), kPresent | kUser | kReservedBit);
  put_leaf(0x5000 | kUserPage | entry::kExecuteDisable);
  EXPECT_EQ(error_code(Access::kExecute, AccessMode::kUser), kPresent | kUser | kInstructionFetch);
}

TEST_F(WalkTest, SupervisorWritesReadOnlyPagesWhenWriteProtectIsOff) {
  long_mode();
  put_leaf(0x5000 | entry::kPresent);
  state_.cr0 &= ~x86::cr0::kWriteProtect;
  EXPECT_EQ(physical(Access::kWrite, AccessMode::kSupervisor), kTranslated);
}

TEST_F(WalkTest, SmapKeepsTheSupervisorFromUserDataUnlessAcIsSet) {
  long_mode();
  EXPECT_TRUE(physical(Access::kRead, AccessMode::kSupervisor));
  state_.cr4 |= x86::cr4::kSupervisorAccessPrevention;
  EXPECT_EQ(error_code(Access::kRead, AccessMode::kSupervisor), x86::page_fault::kPresent);
  EXPECT_TRUE(physical(Access::kRead, AccessMode::kSupervisorUser));
}

TEST_F(WalkTest, SmepKeepsTheSupervisorFromUserCode) {
  long_mode();
  EXPECT_TRUE(physical(Access::kExecute, AccessMode::kSupervisor));
  state_.cr4 |= x86::cr4::kSupervisorExecutionPrevention;
  EXPECT_EQ(error_code(Access::kExecute, AccessMode::kSupervisorUser),
            x86::page_fault::kPresent | x86::page_fault::kInstructionFetch);
}

TEST_F(WalkTest, LargePagesTakeTheRestOfTheAddress) {
  long_mode();
  put(kTables + 0x2000 + 2 * 8, 0x20'0000 | kUserPage | entry::kLarge);
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), 0x20'2123u);
  put(kTables + 0x2000 + 2 * 8, 0x20'4000 | kUserPage | entry::kLarge);  // bits 20..13 are reserved
  EXPECT_TRUE(error_code(Access::kRead, AccessMode::kUser) & x86::page_fault::kReservedBit);
  put(kTables + 0x1000, 0x4000'0000 | kUserPage | entry::kLarge);
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), 0x4040'2123u);
}

TEST_F(WalkTest, ThirtyTwoBitPagingHasTwoLevelsAndFourMegabytePages) {
  put(kTables + 1 * 4, (kTables + 0x1000) | kUserPage);
  put(kTables + 0x1000 + 2 * 4, 0x5000 | kUserPage);
  EXPECT_EQ(physical(Access::kWrite, AccessMode::kUser), kTranslated);
  state_.cr4 |= x86::cr4::kPageSizeExtensions;
  put(kTables + 1 * 4, 0x80'0000 | kUserPage | entry::kLarge);
  EXPECT_EQ(physical(Access::kRead, AccessMode::kUser), 0x80'2123u);
}

TEST_F(WalkTest, PaeHasThreeLevels) {
  state_.cr4 |= x86::cr4::kPhysicalAddressExtension;
  put(kTables, (kTables + 0x1000) | entry::kPresent);
  put(kTables + 0x1000 + 2 * 8, (kTables + 0x2000) | kUserPage);
  put(kTables + 0x2000 + 2 * 8, 0x5000 | kUserPage);
  EXPECT_EQ(physical(Access::kWrite, AccessMode::kUser), kTranslated);
  put(kTables,
      (kTables + 0x1000) | entry::kPresent | entry::kWritable);  // reserved in the top level
  EXPECT_TRUE(error_code(Access::kRead, AccessMode::kUser) & x86::page_fault::kReservedBit);
}

TEST_F(WalkTest, TablesInDeviceSpaceMapNothing) {
  long_mode();
  state_.cr3 = 0xf000'0000;
  EXPECT_EQ(error_code(Access::kRead, AccessMode::kSupervisor), 0u);
}

}  // namespace
}  // namespace orrery::hypervisor::soft
