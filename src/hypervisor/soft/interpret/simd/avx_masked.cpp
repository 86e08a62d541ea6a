// Moves of some of a vector's lanes: by a mask (VMASKMOVPS, VPMASKMOVD) and from scattered places
// (VPGATHERDD), and clearing what legacy SSE does not know of (VZEROUPPER). SDM vol. 2C.
#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using std::uint32_t;
using std::uint64_t;

// Lane N of a vector register.
template <typename T>
T lane(const Cpu& cpu, unsigned number, unsigned n) {
  return std::bit_cast<std::array<T, 32 / sizeof(T)>>(cpu.state.vectors[number])[n];
}
template <typename T>
void set_lane(Cpu& cpu, unsigned number, unsigned n, T value) {
  auto lanes = std::bit_cast<std::array<T, 32 / sizeof(T)>>(cpu.state.vectors[number]);
  lanes[n] = value;
  cpu.state.vectors[number] = std::bit_cast<x86::Vector>(lanes);
}
template <typename T>
bool is_chosen(const Cpu& cpu, unsigned mask, unsigned n) {
  return static_cast<std::make_signed_t<T>>(lane<T>(cpu, mask, n)) < 0;
}

// ---- By a mask, whose lanes' top bits choose. Lanes that are not chosen do not fault.

template <typename T, unsigned kBytes>
void execute_masked_load(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  std::array<T, kBytes / sizeof(T)> lanes{};
  for (unsigned n = 0; n < lanes.size(); ++n) {
    if (is_chosen<T>(cpu, i.extra, n)) lanes[n] = cpu.load<T>(i, n * sizeof(T));
  }
  set_parts<kBytes>(cpu, i.destination, std::bit_cast<Parts<kBytes>>(lanes));
}

// All places are probed first, so that a fault changes nothing.
template <typename T, unsigned kBytes>
void execute_masked_store(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  constexpr unsigned kLanes = kBytes / sizeof(T);
  for (unsigned n = 0; n < kLanes; ++n) {
    if (!is_chosen<T>(cpu, i.extra, n)) continue;
    cpu.probe_write(cpu.operand_linear(i, n * sizeof(T), sizeof(T), Access::kWrite), sizeof(T));
  }
  for (unsigned n = 0; n < kLanes; ++n) {
    if (is_chosen<T>(cpu, i.extra, n)) {
      cpu.store<T>(i, lane<T>(cpu, i.source, n), n * sizeof(T));
    }
  }
}

template <typename T>
bool select_masked_move(const Decoded& decoded, Instruction& record) {
  fill_vex(decoded, record);
  const bool wide = is_256(decoded);
  if (is_memory(decoded, 0)) {
    record.handler = wide ? &step<execute_masked_store<T, 32>> : &step<execute_masked_store<T, 16>>;
  } else {
    record.handler = wide ? &step<execute_masked_load<T, 32>> : &step<execute_masked_load<T, 16>>;
  }
  return true;
}

// ---- Gathers: extra is the vector of indexes, source the mask. What has been loaded when a lane
// faults stays, and its mask is cleared, so that the instruction goes on from there.

template <typename T, typename Index>
T gather(Cpu& cpu, const Instruction& i, unsigned n) {
  const auto index = static_cast<uint64_t>(
      std::int64_t{static_cast<std::make_signed_t<Index>>(lane<Index>(cpu, i.extra, n))});
  const uint64_t offset =
      (cpu.effective_offset(i) + (index << i.scale)) & address_mask(i.address_size);
  return cpu.read<T>(cpu.segment_linear(static_cast<x86::SegmentRegister>(i.segment), offset,
                                        sizeof(T), Access::kRead));
}

template <typename T, typename Index, unsigned kBytes>
void execute_gather(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  constexpr unsigned kLanes = kBytes / (sizeof(T) > sizeof(Index) ? sizeof(T) : sizeof(Index));
  constexpr unsigned kResult = kLanes * sizeof(T);
  for (unsigned n = 0; n < kLanes; ++n) {
    set_lane<T>(cpu, i.source, n, is_chosen<T>(cpu, i.source, n) ? static_cast<T>(~T{0}) : T{0});
  }
  for (unsigned n = 0; n < kLanes; ++n) {
    if (!is_chosen<T>(cpu, i.source, n)) continue;
    set_lane<T>(cpu, i.destination, n, gather<T, Index>(cpu, i, n));
    set_lane<T>(cpu, i.source, n, 0);
  }
  cpu.state.vectors[i.source] = {};
  for (unsigned n = kResult / 8; n < 4; ++n) cpu.state.vectors[i.destination][n] = 0;
}

template <typename T, typename Index>
bool select_gather(const Decoded& decoded, Instruction& record) {
  record.destination = register_field(decoded, 0);
  record.source = register_field(decoded, 2);
  record.extra = static_cast<std::uint8_t>(ZydisRegisterGetId(decoded.operands[1].mem.index));
  record.index = kZeroSlot;
  record.flat = false;
  record.handler =
      is_256(decoded) ? &step<execute_gather<T, Index, 32>> : &step<execute_gather<T, Index, 16>>;
  return true;
}

// ---- VZEROUPPER, VZEROALL: of the registers that the mode reaches

template <unsigned kFirst>
void execute_zero(Cpu& cpu, const Instruction&) {
  require_avx(cpu);
  const unsigned count = cpu.code_64bit() ? 16 : 8;
  for (unsigned number = 0; number < count; ++number) {
    for (unsigned n = kFirst; n < 4; ++n) cpu.state.vectors[number][n] = 0;
  }
}

template <unsigned kFirst>
bool select_zero(const Decoded&, Instruction& record) {
  record.handler = &step<execute_zero<kFirst>>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_VMASKMOVPS, select_masked_move<uint32_t>},
    {ZYDIS_MNEMONIC_VMASKMOVPD, select_masked_move<uint64_t>},
    {ZYDIS_MNEMONIC_VPMASKMOVD, select_masked_move<uint32_t>},
    {ZYDIS_MNEMONIC_VPMASKMOVQ, select_masked_move<uint64_t>},
    {ZYDIS_MNEMONIC_VPGATHERDD, select_gather<uint32_t, uint32_t>},
    {ZYDIS_MNEMONIC_VPGATHERDQ, select_gather<uint64_t, uint32_t>},
    {ZYDIS_MNEMONIC_VPGATHERQD, select_gather<uint32_t, uint64_t>},
    {ZYDIS_MNEMONIC_VPGATHERQQ, select_gather<uint64_t, uint64_t>},
    {ZYDIS_MNEMONIC_VGATHERDPS, select_gather<uint32_t, uint32_t>},
    {ZYDIS_MNEMONIC_VGATHERDPD, select_gather<uint64_t, uint32_t>},
    {ZYDIS_MNEMONIC_VGATHERQPS, select_gather<uint32_t, uint64_t>},
    {ZYDIS_MNEMONIC_VGATHERQPD, select_gather<uint64_t, uint64_t>},
    {ZYDIS_MNEMONIC_VZEROUPPER, select_zero<2>},
    {ZYDIS_MNEMONIC_VZEROALL, select_zero<0>},
};

}  // namespace

std::span<const Row> avx_masked_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
