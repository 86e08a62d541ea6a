// The 512-byte FXSAVE area, which is also the legacy region of an XSAVE area (SDM vol. 1, 10.5.1
// and 13.4.1). Reading and writing it is split by state component, as XSAVE needs.
//
//     0  FCW   2  FSW   4  FTW (abridged)   6  FOP   8  FIP   16  FDP   24  MXCSR   28  MXCSR_MASK
//    32  ST0 .. ST7, 16 bytes each            160  XMM0 .. XMM15 (XMM0 .. XMM7 outside 64-bit code)
#pragma once

#include <array>
#include <cstdint>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft::simd {

inline constexpr unsigned kLegacyBytes = 512;
inline constexpr std::uint32_t kMxcsrMask = 0xffff;  // bits that MXCSR has, with DAZ
inline constexpr std::uint32_t kMxcsrInitial = 0x1f80;

// With REX.W FIP and FDP are 64 bits wide, otherwise 32 bits and a selector, which reads as zero
// (CPUID.7.EBX[13]: FCS and FDS deprecated).
enum class Pointers : std::uint8_t { k32, k64 };

// Writing to LINEAR; the caller has probed the area.
void write_x87(Cpu& cpu, std::uint64_t linear, Pointers pointers);
void write_mxcsr(Cpu& cpu, std::uint64_t linear);
void write_xmm(Cpu& cpu, std::uint64_t linear);

// A whole area read before anything changes.
class LegacyArea {
 public:
  LegacyArea(Cpu& cpu, std::uint64_t linear);

  std::uint32_t mxcsr() const { return static_cast<std::uint32_t>(words_[1].high); }
  void load_x87(Cpu& cpu, Pointers pointers) const;
  void load_xmm(Cpu& cpu) const;

 private:
  std::array<Wide128, kLegacyBytes / 16> words_;
};

void initialize_x87(Cpu& cpu);
void initialize_xmm(Cpu& cpu);

// How many XMM registers the current mode reaches.
inline unsigned xmm_registers(const Cpu& cpu) {
  return cpu.code_64bit() ? 16 : 8;
}

}  // namespace orrery::hypervisor::soft::simd
