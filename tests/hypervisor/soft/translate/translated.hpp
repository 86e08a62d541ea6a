// What a translator tells of itself.
#pragma once

#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

inline std::uint64_t counted(const Cpu& cpu, std::string_view name) {
  for (const auto& detail : cpu.all_statistics().details) {
    if (detail.name == name) return detail.count;
  }
  ADD_FAILURE() << "the translator does not count: " << name;
  return 0;
}

}  // namespace orrery::hypervisor::soft
