// This process, as its host counts it (vmm/host/process_usage.hpp).
#include "vmm/host/process_usage.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace orrery::vmm {
namespace {

TEST(ProcessUsage, CountsProcessorTime) {
  const auto before = ProcessUsage::processor_time();
  volatile std::uint64_t sum = 0;
  // (It ends: time that is worked passes.)
  while (ProcessUsage::processor_time() - before < std::chrono::milliseconds(2)) sum = sum + 1;
  EXPECT_GT(ProcessUsage::processor_time(), before);
}

TEST(ProcessUsage, CountsMemoryThatWasTouched) {
  const auto usage = ProcessUsage::open();
  ASSERT_TRUE(usage) << usage.error().message();
  const Bytes before = usage->resident();
  const std::vector<std::byte> memory(32_MiB, std::byte{1});
  const Bytes after = usage->resident();
  EXPECT_GE(after.value(), before.value() + 30_MiB) << "of " << memory.size() << " bytes";
}

}  // namespace
}  // namespace orrery::vmm
