// Saving and restoring the x87, SSE and AVX state, MXCSR, and leaving MMX (SDM vol. 1, chapter 13;
// vol. 2 under FXSAVE, XSAVE, XRSTOR, LDMXCSR, EMMS).
#include <algorithm>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"
#include "hypervisor/soft/interpret/simd/legacy_area.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

// The XSAVE header and what follows it (SDM vol. 1, 13.4.2 and 13.4.3). AVX comes first in the
// extended region, so its offset is the same in the standard and the compacted format.
constexpr unsigned kHeader = 512;
constexpr unsigned kHeaderBytes = 64;
constexpr unsigned kAvxOffset = 576;
constexpr unsigned kAvxBytes = 256;
constexpr std::uint64_t kCompacted = std::uint64_t{1} << 63;  // of XCOMP_BV

Pointers pointers_of(const Instruction& i) {
  return i.operand_size == 8 ? Pointers::k64 : Pointers::k32;
}

// ---- FXSAVE and FXRSTOR

std::uint64_t fxsave_linear(Cpu& cpu, const Instruction& i, Access access) {
  if ((cpu.state.cr0 & (x86::cr0::kEmulation | x86::cr0::kTaskSwitched)) != 0) {
    cpu.raise(x86::Exception::kDeviceNotAvailable);
  }
  const std::uint64_t linear = cpu.operand_linear(i, 0, kLegacyBytes, access);
  if (!is_aligned(linear, 16)) cpu.raise(x86::Exception::kGeneralProtection);
  return linear;
}

void execute_fxsave(Cpu& cpu, const Instruction& i) {
  const std::uint64_t linear = fxsave_linear(cpu, i, Access::kWrite);
  cpu.probe_write(linear, kLegacyBytes);
  write_x87(cpu, linear, pointers_of(i));
  write_mxcsr(cpu, linear);
  write_xmm(cpu, linear);
}

void check_mxcsr(Cpu& cpu, std::uint32_t value) {
  if ((value & ~kMxcsrMask) != 0) cpu.raise(x86::Exception::kGeneralProtection);
}

void execute_fxrstor(Cpu& cpu, const Instruction& i) {
  const LegacyArea area(cpu, fxsave_linear(cpu, i, Access::kRead));
  check_mxcsr(cpu, area.mxcsr());
  area.load_x87(cpu, pointers_of(i));
  area.load_xmm(cpu);
  cpu.state.mxcsr = area.mxcsr();
}

// ---- XSAVE and XRSTOR

// RFBM: the components that XCR0 enables and EDX:EAX asks for.
std::uint64_t requested(Cpu& cpu) {
  const std::uint64_t mask =
      (cpu.gpr(x86::Gpr::kRdx) << 32) | (cpu.gpr(x86::Gpr::kRax) & 0xffff'ffff);
  return cpu.state.xcr0 & mask;
}

unsigned area_bytes(std::uint64_t components) {
  return (components & x86::xcr0::kAvx) != 0 ? kAvxOffset + kAvxBytes : kHeader + kHeaderBytes;
}

std::uint64_t xsave_linear(Cpu& cpu, const Instruction& i, std::uint64_t components,
                           Access access) {
  if ((cpu.state.cr4 & x86::cr4::kXsave) == 0) cpu.raise(x86::Exception::kInvalidOpcode);
  if ((cpu.state.cr0 & x86::cr0::kTaskSwitched) != 0) {
    cpu.raise(x86::Exception::kDeviceNotAvailable);
  }
  const std::uint64_t linear = cpu.operand_linear(i, 0, area_bytes(components), access);
  if (!is_aligned(linear, 64)) cpu.raise(x86::Exception::kGeneralProtection);
  return linear;
}

// XINUSE: the components that are not in their initial configuration.
std::uint64_t in_use(const Cpu& cpu) {
  const auto vectors = std::span(cpu.state.vectors).first(xmm_registers(cpu));
  const bool sse = std::ranges::any_of(
      vectors, [](const x86::Vector& vector) { return (vector[0] | vector[1]) != 0; });
  const bool avx = std::ranges::any_of(
      vectors, [](const x86::Vector& vector) { return (vector[2] | vector[3]) != 0; });
  return (cpu.state.x87 != x86::X87{} ? x86::xcr0::kX87 : 0) | (sse ? x86::xcr0::kSse : 0) |
         (avx ? x86::xcr0::kAvx : 0);
}

void write_avx(Cpu& cpu, std::uint64_t linear) {
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    const x86::Vector& vector = cpu.state.vectors[n];
    cpu.write<Wide128>(linear + kAvxOffset + n * 16, {vector[2], vector[3]});
  }
}

void write_components(Cpu& cpu, const Instruction& i, std::uint64_t linear,
                      std::uint64_t components) {
  if ((components & x86::xcr0::kX87) != 0) write_x87(cpu, linear, pointers_of(i));
  if ((components & x86::xcr0::kSse) != 0) write_xmm(cpu, linear);
  if ((components & x86::xcr0::kAvx) != 0) write_avx(cpu, linear);
}

enum class Unused : std::uint8_t { kWritten, kSkipped };

// XSAVE writes what is asked for, XSAVEOPT only what is in use.
template <Unused unused>
void execute_xsave(Cpu& cpu, const Instruction& i) {
  const std::uint64_t asked = requested(cpu);
  const std::uint64_t linear = xsave_linear(cpu, i, asked, Access::kWrite);
  cpu.probe_write(linear, area_bytes(asked));
  const std::uint64_t used = in_use(cpu);
  const std::uint64_t old = cpu.read<std::uint64_t>(linear + kHeader);
  write_components(cpu, i, linear, unused == Unused::kSkipped ? asked & used : asked);
  if ((asked & (x86::xcr0::kSse | x86::xcr0::kAvx)) != 0) write_mxcsr(cpu, linear);
  cpu.write<std::uint64_t>(linear + kHeader, (old & ~asked) | (asked & used));
}

// The compacted format; MXCSR belongs to the SSE component.
void execute_xsavec(Cpu& cpu, const Instruction& i) {
  const std::uint64_t asked = requested(cpu);
  const std::uint64_t linear = xsave_linear(cpu, i, asked, Access::kWrite);
  cpu.probe_write(linear, area_bytes(asked));
  std::uint64_t used = in_use(cpu);
  if (cpu.state.mxcsr != kMxcsrInitial) used |= x86::xcr0::kSse;
  write_components(cpu, i, linear, asked & used);
  if ((asked & used & x86::xcr0::kSse) != 0) write_mxcsr(cpu, linear);
  cpu.write<Wide128>(linear + kHeader, {asked & used, asked | kCompacted});
}

using AvxHalves = std::array<Wide128, 16>;

AvxHalves read_avx(Cpu& cpu, std::uint64_t linear) {
  AvxHalves halves{};
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    halves[n] = cpu.read<Wide128>(linear + kAvxOffset + n * 16);
  }
  return halves;
}

void load_avx(Cpu& cpu, const AvxHalves& halves) {
  for (unsigned n = 0; n < xmm_registers(cpu); ++n) {
    cpu.state.vectors[n][2] = halves[n].low;
    cpu.state.vectors[n][3] = halves[n].high;
  }
}

// The header as XRSTOR sees it; #GP(0) where it asks for what is not there.
struct Header {
  std::uint64_t state = 0;       // XSTATE_BV
  std::uint64_t compaction = 0;  // XCOMP_BV

  bool compacted() const { return (compaction & kCompacted) != 0; }
};

Header read_header(Cpu& cpu, std::uint64_t linear) {
  std::array<std::uint64_t, kHeaderBytes / 8> words;
  for (unsigned n = 0; n < words.size(); ++n) {
    words[n] = cpu.read<std::uint64_t>(linear + kHeader + n * 8);
  }
  const Header header{words[0], words[1]};
  const auto any = [&](std::size_t from, std::size_t to) {
    return std::any_of(words.begin() + static_cast<std::ptrdiff_t>(from),
                       words.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::uint64_t word) { return word != 0; });
  };
  const bool bad = header.compacted()
                       ? ((header.compaction & ~kCompacted) & ~cpu.state.xcr0) != 0 ||
                             (header.state & ~header.compaction) != 0 ||
                             (header.state & kCompacted) != 0 || any(2, words.size())
                       : (header.state & ~cpu.state.xcr0) != 0 || any(1, 3);
  if (bad) cpu.raise(x86::Exception::kGeneralProtection);
  return header;
}

// The standard format loads MXCSR with the SSE or the AVX component, whatever XSTATE_BV says; the
// compacted one treats it as part of the SSE component.
std::uint32_t next_mxcsr(const Cpu& cpu, const Header& header, std::uint64_t asked,
                         const LegacyArea& area) {
  if (header.compacted()) {
    if ((asked & x86::xcr0::kSse) == 0) return cpu.state.mxcsr;
    return (header.state & x86::xcr0::kSse) != 0 ? area.mxcsr() : kMxcsrInitial;
  }
  const bool loaded = (asked & (x86::xcr0::kSse | x86::xcr0::kAvx)) != 0;
  return loaded ? area.mxcsr() : cpu.state.mxcsr;
}

void execute_xrstor(Cpu& cpu, const Instruction& i) {
  const std::uint64_t asked = requested(cpu);
  const std::uint64_t linear = xsave_linear(cpu, i, asked, Access::kRead);
  const Header header = read_header(cpu, linear);
  const LegacyArea area(cpu, linear);
  const std::uint64_t loaded = asked & header.state;
  AvxHalves avx{};
  if ((loaded & x86::xcr0::kAvx) != 0) avx = read_avx(cpu, linear);
  const std::uint32_t mxcsr = next_mxcsr(cpu, header, asked, area);
  check_mxcsr(cpu, mxcsr);

  if ((loaded & x86::xcr0::kX87) != 0) {
    area.load_x87(cpu, pointers_of(i));
  } else if ((asked & x86::xcr0::kX87) != 0) {
    initialize_x87(cpu);
  }
  if ((loaded & x86::xcr0::kSse) != 0) {
    area.load_xmm(cpu);
  } else if ((asked & x86::xcr0::kSse) != 0) {
    initialize_xmm(cpu);
  }
  if ((asked & x86::xcr0::kAvx) != 0) load_avx(cpu, avx);
  cpu.state.mxcsr = mxcsr;
}

// ---- MXCSR, EMMS

template <Form form>
void execute_ldmxcsr(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const auto value = cpu.load<std::uint32_t>(i);
  check_mxcsr(cpu, value);
  cpu.state.mxcsr = value;
}

template <Form form>
void execute_stmxcsr(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  cpu.store<std::uint32_t>(i, cpu.state.mxcsr);
}

void execute_emms(Cpu& cpu, const Instruction&) {
  require_mmx(cpu);
  cpu.state.x87.valid = 0;
}

template <auto body>
bool select(const Decoded&, Instruction& record) {
  record.handler = &step<body>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FXSAVE, select<execute_fxsave>},
    {ZYDIS_MNEMONIC_FXSAVE64, select<execute_fxsave>},
    {ZYDIS_MNEMONIC_FXRSTOR, select<execute_fxrstor>},
    {ZYDIS_MNEMONIC_FXRSTOR64, select<execute_fxrstor>},
    {ZYDIS_MNEMONIC_XSAVE, select<execute_xsave<Unused::kWritten>>},
    {ZYDIS_MNEMONIC_XSAVE64, select<execute_xsave<Unused::kWritten>>},
    {ZYDIS_MNEMONIC_XSAVEOPT, select<execute_xsave<Unused::kSkipped>>},
    {ZYDIS_MNEMONIC_XSAVEOPT64, select<execute_xsave<Unused::kSkipped>>},
    {ZYDIS_MNEMONIC_XSAVEC, select<execute_xsavec>},
    {ZYDIS_MNEMONIC_XSAVEC64, select<execute_xsavec>},
    {ZYDIS_MNEMONIC_XRSTOR, select<execute_xrstor>},
    {ZYDIS_MNEMONIC_XRSTOR64, select<execute_xrstor>},
    {ZYDIS_MNEMONIC_LDMXCSR, select<execute_ldmxcsr<Form::kLegacy>>},
    {ZYDIS_MNEMONIC_STMXCSR, select<execute_stmxcsr<Form::kLegacy>>},
    {ZYDIS_MNEMONIC_VLDMXCSR, select<execute_ldmxcsr<Form::kVex>>},
    {ZYDIS_MNEMONIC_VSTMXCSR, select<execute_stmxcsr<Form::kVex>>},
    {ZYDIS_MNEMONIC_EMMS, select<execute_emms>},
};

}  // namespace

std::span<const Row> state_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
