// Fuzzing of kernel loaders: the input is the kernel's file, and whatever it says, nothing may be
// read outside it or written outside the guest's usable memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::fuzz {

// Loads the input with one module, into a guest of 32 MiB.
template <auto Load>
int load_kernel(const std::uint8_t* data, std::size_t size) {
  static const machine::MemoryMap map(Bytes(32_MiB));
  static const auto memory = memory::GuestMemory::create(map.regions()).value();
  const machine::boot::Destination destination{*memory, map, GuestPhysical(0xe'0000)};
  static const std::array<std::byte, 5000> module{};
  const machine::boot::Payload payload{.kernel = {"kernel", as_bytes(data, size)},
                                       .modules = {{"module", module}},
                                       .command_line = "console=ttyS0"};
  (void)Load(destination, payload);
  return 0;
}

}  // namespace orrery::fuzz
