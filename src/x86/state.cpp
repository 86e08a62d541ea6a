#include "x86/state.hpp"

namespace orrery::x86 {
namespace {

constexpr SegmentAttributes kRealModeData{0x0093};  // present, read/write, accessed
constexpr SegmentAttributes kRealModeCode{0x009b};  // present, execute/read, accessed
constexpr SegmentAttributes kLdt{0x0082};
constexpr SegmentAttributes kBusyTss{0x008b};
constexpr std::uint32_t kRealModeLimit = 0xffff;

}  // namespace

CpuState reset_state() {
  CpuState state;
  state.rip = 0xfff0;
  // Processor signature in EDX: family 6, as CPUID leaf 1 reports by default.
  state[Gpr::kRdx] = 0x0000'0600;
  for (Segment& segment : state.segments) segment = {0, kRealModeData, kRealModeLimit, 0};
  state[SegmentRegister::kCs] = {0xf000, kRealModeCode, kRealModeLimit, 0xffff'0000};
  state.ldtr = {0, kLdt, kRealModeLimit, 0};
  state.tr = {0, kBusyTss, kRealModeLimit, 0};
  state.gdtr = {0, kRealModeLimit};
  state.idtr = {0, kRealModeLimit};
  state.cr0 = cr0::kCacheDisable | cr0::kNotWriteThrough | cr0::kExtensionType;
  return state;
}

CpuState startup_state(std::uint8_t vector) {
  CpuState state = reset_state();
  state.rip = 0;
  state[SegmentRegister::kCs].selector = static_cast<std::uint16_t>(vector << 8);
  state[SegmentRegister::kCs].base = std::uint64_t{vector} << 12;
  return state;
}

}  // namespace orrery::x86
