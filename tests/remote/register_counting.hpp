// A vCPU that makes accesses to CountingRegisters and looks whether each came once.
#pragma once

#include <cstdint>

#include "remote/register_fixture.hpp"

namespace orrery::remote {

inline std::unique_ptr<RegisterServer> counting_server(const std::string& address = "127.0.0.1:0",
                                                       const LinkTiming& timing = kRegisterTiming) {
  return std::make_unique<RegisterServer>(
      [](device::Host& host) { return std::make_unique<CountingRegisters>(host); },
      RegisterInterface{.lines = 1, .posted = {{0, CountingRegisters::kWrite}}}, address, timing);
}

// Goes on from COUNT by so many ACCESSES, most of them writes that are not waited for. Returns the
// new count.
inline std::uint64_t count_accesses(RegisterVm& vm, std::uint64_t accesses,
                                    std::uint64_t count = 0) {
  for (const std::uint64_t end = count + accesses; count < end;) {
    const std::uint64_t next = ++count;
    if (next % 7 == 0) {
      vm.write(CountingRegisters::kWaited, next);
    } else if (next % 5 == 0) {
      const std::uint64_t read = vm.read(CountingRegisters::kRead);
      EXPECT_EQ(read, next) << "an access is missing, or came twice";
      if (read != next) return read;
    } else {
      vm.write(CountingRegisters::kWrite, next);
    }
  }
  return count;
}

}  // namespace orrery::remote
