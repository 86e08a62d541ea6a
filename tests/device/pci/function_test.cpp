// A function's configuration space, BARs, INTx and MSI-X (PCI Local Bus Specification 3.0, chapter
// 6).
#include "device/pci/function.hpp"

#include <gtest/gtest.h>

#include "device/pci/sample.hpp"
#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::testing {
namespace {

using namespace device::pci;

class FunctionTest : public ::testing::Test {
 protected:
  static constexpr unsigned kConfig = Function::kConfigRegion;

  std::uint64_t config(unsigned offset, Width width) {
    return function.read(kConfig, offset, width);
  }
  void set_config(unsigned offset, Width width, std::uint64_t value) {
    function.write(kConfig, offset, width, value);
  }
  unsigned msix() { return static_cast<unsigned>(config(kCapabilitiesPointer, Width::k8)); }
  void program_vector(unsigned vector, std::uint32_t control) {
    function.write(0, 0x800 + vector * 16, Width::k32, 0xFEE0'1000);
    function.write(0, 0x804 + vector * 16, Width::k32, 0);
    function.write(0, 0x808 + vector * 16, Width::k32, 0x30 + vector);
    function.write(0, 0x80C + vector * 16, Width::k32, control);
  }

  FakeHost host;
  SampleFunction function{host};
};

TEST_F(FunctionTest, HeaderIdentifiesTheFunction) {  // 6.2.1
  EXPECT_EQ(config(kVendorId, Width::k32), 0x5678'1234u);
  EXPECT_EQ(config(kRevisionId, Width::k32), 0x0102'0309u);
  EXPECT_EQ(config(kSubsystemVendorId, Width::k32), 0xBBBB'AAAAu);
  EXPECT_EQ(config(kInterruptPin, Width::k8), 1u);
  EXPECT_EQ(config(kHeaderType, Width::k8), 0u);
}

TEST_F(FunctionTest, ReadOnlyRegistersIgnoreWrites) {
  set_config(kVendorId, Width::k32, 0);
  set_config(kInterruptPin, Width::k8, 4);
  EXPECT_EQ(config(kVendorId, Width::k32), 0x5678'1234u);
  EXPECT_EQ(config(kInterruptPin, Width::k8), 1u);
}

TEST_F(FunctionTest, AccessesBeyondTheEndReadOnes) {
  EXPECT_EQ(config(0xFE, Width::k32) >> 16, 0xFFFFu);
  EXPECT_EQ(config(0x100, Width::k32), 0xFFFF'FFFFu);
  set_config(0xFFFF'FFFF, Width::k64, 1);
}

TEST_F(FunctionTest, BarsTellTheirSize) {  // 6.2.5.1
  for (unsigned bar = 0; bar < 4; ++bar) set_config(0x10 + 4 * bar, Width::k32, 0xFFFF'FFFF);
  EXPECT_EQ(config(0x10, Width::k32), 0xFFFF'F000u);
  EXPECT_EQ(config(0x14, Width::k32), 0xFFFF'FFE1u);
  EXPECT_EQ(config(0x18, Width::k32), 0xFFF0'0004u);
  EXPECT_EQ(config(0x1C, Width::k32), 0xFFFF'FFFFu);
  EXPECT_EQ(config(0x20, Width::k32), 0u) << "a BAR that is not there is zero";
}

TEST_F(FunctionTest, BarsAnswerOnceDecodingIsOn) {  // 6.2.2
  int changes = 0;
  function.set_mapping_listener([&] { ++changes; });
  function.program_bar(0, 0xE000'0000);
  function.program_bar(1, 0xC000);
  function.program_bar(2, 0x12'3450'0000);
  EXPECT_TRUE(function.windows().empty());
  set_config(kCommand, Width::k16, kIoSpace | kMemorySpace);
  EXPECT_EQ(changes, 5);
  const std::vector<Window> expected{{0, Space::kMemory, 0xE000'0000, 0x1000},
                                     {1, Space::kIo, 0xC000, 0x20},
                                     {2, Space::kMemory, 0x12'3450'0000, 0x10'0000}};
  EXPECT_EQ(function.windows(), expected);
  set_config(kCommand, Width::k16, kIoSpace);
  EXPECT_EQ(function.windows().size(), 1u);
}

TEST_F(FunctionTest, BarsThatWrapOrAreUnprogrammedDoNotAnswer) {
  set_config(kCommand, Width::k16, kIoSpace | kMemorySpace);
  EXPECT_TRUE(function.windows().empty());
  set_config(0x14, Width::k32, 0xFFFF'FFE0);
  EXPECT_TRUE(function.windows().empty()) << "ports end at FFFFh";
}

TEST_F(FunctionTest, RegistersOfABarReachTheModel) {
  EXPECT_EQ(function.read(2, 0x44, Width::k32), 0x2'0044u);
  EXPECT_EQ(function.read(2, 0x44, Width::k8), 0x44u) << "no more than the width holds";
  function.write(1, 4, Width::k8, 0x1FF);
  EXPECT_EQ(function.last_written, 0xFFu);
  EXPECT_EQ(function.read(1, 0x20, Width::k8), 0xFFu) << "beyond the BAR";
  EXPECT_EQ(function.read(5, 0, Width::k16), 0xFFFFu) << "no such BAR";
  EXPECT_EQ(function.read(99, 0, Width::k16), 0xFFFFu) << "no such region";
}

TEST_F(FunctionTest, IntxShowsInStatusAndIsMaskedByTheCommand) {  // 6.2.2, 6.2.3
  function.set_intx(true);
  EXPECT_TRUE(host.line(0));
  EXPECT_NE(config(kStatus, Width::k16) & kInterruptStatus, 0u);
  set_config(kCommand, Width::k16, kInterruptDisable);
  EXPECT_FALSE(host.line(0));
  set_config(kCommand, Width::k16, 0);
  EXPECT_TRUE(host.line(0));
  function.set_intx(false);
  EXPECT_FALSE(host.line(0));
}

TEST_F(FunctionTest, CapabilityListLeadsToMsix) {  // 6.7, 6.8.2
  EXPECT_NE(config(kStatus, Width::k16) & kCapabilitiesList, 0u);
  EXPECT_EQ(config(msix(), Width::k16), 0x0011u);
  EXPECT_EQ(config(msix() + kMsixControl, Width::k16), SampleFunction::kVectors - 1);
  EXPECT_EQ(config(msix() + kMsixTable, Width::k32), 0x800u);
  EXPECT_EQ(config(msix() + kMsixPendingBits, Width::k32), 0xC00u);
}

TEST_F(FunctionTest, MsixSendsTheVectorsMessage) {
  program_vector(1, 0);
  function.notify_msix(1);
  EXPECT_TRUE(host.msis.empty()) << "not enabled";
  set_config(msix() + kMsixControl, Width::k16, kMsixEnable);
  function.notify_msix(1);
  function.notify_msix(77);
  EXPECT_EQ(host.msis, (std::vector<Msi>{{0xFEE0'1000, 0x31}}));
}

TEST_F(FunctionTest, MaskedVectorsWaitInThePendingBits) {  // 6.8.2.9
  set_config(msix() + kMsixControl, Width::k16, kMsixEnable);
  program_vector(2, 1);
  function.notify_msix(2);
  EXPECT_TRUE(host.msis.empty());
  EXPECT_EQ(function.read(0, 0xC00, Width::k32), 4u);
  program_vector(2, 0);
  EXPECT_EQ(host.msis.size(), 1u);
  EXPECT_EQ(function.read(0, 0xC00, Width::k32), 0u);
}

TEST_F(FunctionTest, FunctionMaskHoldsAllVectors) {
  program_vector(0, 0);
  set_config(msix() + kMsixControl, Width::k16, kMsixEnable | kMsixFunctionMask);
  function.notify_msix(0);
  EXPECT_TRUE(host.msis.empty());
  set_config(msix() + kMsixControl, Width::k16, kMsixEnable);
  EXPECT_EQ(host.msis.size(), 1u);
}

TEST_F(FunctionTest, ResetForgetsWhatSoftwareWrote) {
  program_vector(0, 0);
  function.program_bar(0, 0xE000'0000);
  set_config(kCommand, Width::k16, kMemorySpace);
  function.set_intx(true);
  function.reset();
  EXPECT_EQ(config(kCommand, Width::k16), 0u);
  EXPECT_EQ(config(0x10, Width::k32), 0u);
  EXPECT_EQ(function.read(0, 0x80C, Width::k32), 1u) << "vectors are masked";
  EXPECT_FALSE(host.line(0));
  EXPECT_TRUE(function.windows().empty());
}

TEST_F(FunctionTest, StateComesBack) {
  program_vector(0, 1);
  function.program_bar(0, 0xE000'0000);
  set_config(kCommand, Width::k16, kMemorySpace);
  set_config(msix() + kMsixControl, Width::k16, kMsixEnable);
  function.notify_msix(0);
  function.set_intx(true);
  FakeHost other;
  SampleFunction fresh(other);
  expect_round_trip(function, fresh);
  EXPECT_EQ(fresh.windows(), function.windows());
  EXPECT_TRUE(other.line(0));
  fresh.write(0, 0x80C, Width::k32, 0);
  EXPECT_EQ(other.msis.size(), 1u) << "the pending vector was kept";
}

}  // namespace
}  // namespace orrery::testing
