// A guest of 64 MiB without a machine, for loader tests.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "machine/boot/load.hpp"
#include "machine/memory_map.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine::boot {

class BootTest : public ::testing::Test {
 protected:
  static constexpr Bytes kMemory{64_MiB};
  static constexpr GuestPhysical kRsdp{0xe'0000};

  template <typename T>
  T peek(std::uint64_t address) const {
    T value{};
    EXPECT_TRUE(
        memory_->read(GuestPhysical(address), {reinterpret_cast<std::byte*>(&value), sizeof value}))
        << std::hex << address;
    return value;
  }

  std::string peek_string(std::uint64_t address) const {
    std::string text;
    while (const char c = peek<char>(address++)) text += c;
    return text;
  }

  Result<x86::CpuState> load_bytes(ByteSpan kernel) {
    payload_.kernel.bytes = kernel;
    return load(destination_, payload_);
  }

  // The error of loading, which has to fail.
  std::string refusal(ByteSpan kernel) {
    const auto state = load_bytes(kernel);
    EXPECT_FALSE(state.has_value());
    return state ? "" : state.error().message();
  }

  // Every shorter version of a file loads or is refused, and nothing worse.
  void try_all_cuts(ByteSpan kernel, std::size_t step) {
    for (std::size_t size = 0; size < kernel.size(); size += step) {
      (void)load_bytes(kernel.first(size));
    }
  }

  MemoryMap map_{kMemory};
  std::unique_ptr<memory::GuestMemory> memory_ =
      memory::GuestMemory::create(map_.regions()).value();
  Destination destination_{*memory_, map_, kRsdp};
  Payload payload_{.kernel = {"kernel.img", {}}, .modules = {}, .command_line = "quiet"};
};

}  // namespace orrery::machine::boot
