#include "hypervisor/soft/translate/host_x87.hpp"

#include <cstdint>
#include <cstring>

#include "hypervisor/soft/fpu/x87/words.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// The area of FNSAVE and FRSTOR in its 32-bit protected-mode form (SDM vol. 1, 8.1.10, figure 8-9),
// registers from ST(0) on.
struct Area {
  std::uint32_t control, status, tags;
  std::uint32_t pointers[4];
  std::uint8_t registers[8][10];
};
static_assert(sizeof(Area) == 108);

constexpr std::uint32_t kReserved = 0xffff'0000;
constexpr std::uint32_t kEmpty = 3;  // a tag; any other means that the register holds something

}  // namespace

bool may_use_host_x87(const x86::CpuState& state) {
  constexpr std::uint64_t kForbidding = x86::cr0::kEmulation | x86::cr0::kTaskSwitched;
  return (state.cr0 & kForbidding) == 0 &&
         (state.x87.control & x87::control::kMasks) == x87::control::kMasks &&
         (state.x87.status & x87::status::kErrorSummary) == 0;
}

void load_host_x87(const x86::X87& unit) {
  Area area{};
  area.control = kReserved | unit.control;
  area.status = kReserved | unit.status;
  area.tags = kReserved;
  for (unsigned n = 0; n < 8; ++n) {
    if (((unit.valid >> n) & 1u) == 0) area.tags |= kEmpty << (2 * n);
    const x86::Float80& value = unit.registers[x87::physical(unit, n)];
    std::memcpy(&area.registers[n][0], &value.significand, 8);
    std::memcpy(&area.registers[n][8], &value.sign_exponent, 2);
  }
  asm volatile("frstor %0" : : "m"(area));
}

void store_host_x87(x86::X87& unit) {
  Area area;
  asm volatile("fnsave %0" : "=m"(area));
  unit.control = static_cast<std::uint16_t>(area.control);
  unit.status = static_cast<std::uint16_t>(area.status);
  unit.valid = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const bool valid = ((area.tags >> (2 * n)) & kEmpty) != kEmpty;
    unit.valid = static_cast<std::uint8_t>(unit.valid | (valid ? 1u << n : 0u));
    x86::Float80& value = unit.registers[x87::physical(unit, n)];
    std::memcpy(&value.significand, &area.registers[n][0], 8);
    std::memcpy(&value.sign_exponent, &area.registers[n][8], 2);
  }
}

}  // namespace orrery::hypervisor::soft::translate
