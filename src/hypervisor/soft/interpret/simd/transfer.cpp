// Moves between vector registers, MMX registers, GPRs and memory of a register's width: MOVD, MOVQ,
// lane insertion and extraction, masks (SDM vol. 1, 9.4.2, 10.4.1, 12.10).
#include <utility>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

// ---- MOVD and MOVQ in all directions

enum class Place : std::uint8_t { kGpr, kXmm, kMmx, kMemory };
constexpr unsigned kPlaces = 4;

Place place_of(const Decoded& decoded, unsigned index) {
  if (is_memory(decoded, index)) return Place::kMemory;
  if (is_mmx(decoded, index)) return Place::kMmx;
  return is_xmm(decoded, index) ? Place::kXmm : Place::kGpr;
}

template <typename T, Place place>
T get(Cpu& cpu, const Instruction& i) {
  if constexpr (place == Place::kGpr) {
    return cpu.reg<T>(i.source);
  } else if constexpr (place == Place::kXmm) {
    return static_cast<T>(xmm(cpu, i.source).quads[0]);
  } else if constexpr (place == Place::kMmx) {
    return static_cast<T>(mmx(cpu, i.source).quads[0]);
  } else {
    return cpu.load<T>(i);
  }
}

// The rest of a register is cleared.
template <Form form, typename T, Place place>
void put(Cpu& cpu, const Instruction& i, T value) {
  if constexpr (place == Place::kGpr) {
    cpu.set_reg<T>(i.destination, value);
  } else if constexpr (place == Place::kXmm) {
    put_xmm<form>(cpu, i.destination, {{value, 0}});
  } else if constexpr (place == Place::kMmx) {
    set_mmx(cpu, i.destination, {{value}});
  } else {
    cpu.store<T>(i, value);
  }
}

template <Form form, typename T, Place to, Place from>
void execute_transfer(Cpu& cpu, const Instruction& i) {
  constexpr bool kUsesMmx = to == Place::kMmx || from == Place::kMmx;
  if constexpr (to == Place::kXmm || from == Place::kXmm) require_vector<form>(cpu);
  if constexpr (kUsesMmx) require_mmx(cpu);
  const T value = get<T, from>(cpu, i);
  put<form, T, to>(cpu, i, value);
  if constexpr (kUsesMmx) enter_mmx(cpu);
}

template <Form form, typename T, std::size_t... kPairs>
Handler transfer_handler(std::size_t pair, std::index_sequence<kPairs...>) {
  static constexpr Handler kHandlers[] = {
      &step<execute_transfer<form, T, static_cast<Place>(kPairs / kPlaces),
                             static_cast<Place>(kPairs % kPlaces)>>...};
  return kHandlers[pair];
}

template <typename T>
bool select_transfer(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  const auto to = static_cast<std::size_t>(place_of(decoded, 0));
  const auto from = static_cast<std::size_t>(place_of(decoded, 1));
  const std::size_t pair = to * kPlaces + from;
  constexpr auto kAllPairs = std::make_index_sequence<kPlaces * kPlaces>{};
  record.handler = is_vex(decoded) ? transfer_handler<Form::kVex, T>(pair, kAllPairs)
                                   : transfer_handler<Form::kLegacy, T>(pair, kAllPairs);
  return true;
}

// ---- One lane to or from a GPR or memory

template <typename T, unsigned kBytes>
Packed<kBytes> inserted(Packed<kBytes> value, std::uint64_t place, T lane) {
  auto lanes = value.template as<T>();
  lanes[place % lanes.size()] = lane;
  return Packed<kBytes>::from(lanes);
}

template <typename T, Form form, Source source>
void execute_insert(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const T value = source == Source::kMemory ? cpu.load<T>(i) : cpu.reg<T>(i.source);
  put_xmm<form>(cpu, i.destination,
                inserted<T, 16>(first_operand<form>(cpu, i), i.immediate, value));
}
template <Source source>
void execute_mmx_insert(Cpu& cpu, const Instruction& i) {
  using T = std::uint16_t;
  require_mmx(cpu);
  const T value = source == Source::kMemory ? cpu.load<T>(i) : cpu.reg<T>(i.source);
  write_register<8>(cpu, i.destination,
                    inserted<T, 8>(mmx(cpu, i.destination), i.immediate, value));
}

template <typename T>
bool select_insert(const Decoded& decoded, Instruction& record) {
  return select_either(decoded, record, []<Form form, Source source>() -> Handler {
    return &step<execute_insert<T, form, source>>;
  });
}

bool select_insert_word(const Decoded& decoded, Instruction& record) {
  if (!is_mmx(decoded, 0)) return select_insert<std::uint16_t>(decoded, record);
  fill_registers(decoded, record);
  record.handler = is_memory(decoded, 1) ? &step<execute_mmx_insert<Source::kMemory>>
                                         : &step<execute_mmx_insert<Source::kRegister>>;
  return true;
}

// A lane in a GPR is zero-extended to all 64 bits.
template <typename T, Form form>
void execute_extract(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const auto lanes = xmm(cpu, i.source).as<T>();
  cpu.set_reg<std::uint64_t>(i.destination, lanes[i.immediate % lanes.size()]);
}
void execute_mmx_extract(Cpu& cpu, const Instruction& i) {
  require_mmx(cpu);
  const auto lanes = mmx(cpu, i.source).as<std::uint16_t>();
  cpu.set_reg<std::uint64_t>(i.destination, lanes[i.immediate % lanes.size()]);
  enter_mmx(cpu);
}
template <typename T, Form form>
void execute_extract_store(Cpu& cpu, const Instruction& i) {
  require_vector<form>(cpu);
  const auto lanes = xmm(cpu, i.source).as<T>();
  cpu.store<T>(i, lanes[i.immediate % lanes.size()]);
}

template <typename T, Form form>
Handler extract_handler(const Decoded& decoded) {
  return is_memory(decoded, 0) ? &step<execute_extract_store<T, form>>
                               : &step<execute_extract<T, form>>;
}

template <typename T>
bool select_extract(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_mmx(decoded, 1) ? &step<execute_mmx_extract>
                   : is_vex(decoded)  ? extract_handler<T, Form::kVex>(decoded)
                                      : extract_handler<T, Form::kLegacy>(decoded);
  return true;
}

// ---- Masks

// The top bits of eight bytes: the product moves bit 8n + 7 to bit 56 + n, and no two of its terms
// meet there.
constexpr std::uint64_t byte_signs(std::uint64_t bytes) {
  return ((bytes & 0x8080'8080'8080'8080) * 0x0002'0408'1020'4081) >> 56;
}

// The lanes' top bits, lane 0 in bit 0 (PMOVMSKB, MOVMSKPS, MOVMSKPD). String functions live on the
// byte form, so it takes no loop over bytes.
template <typename T, std::size_t kQuads>
std::uint64_t mask_of(const std::array<std::uint64_t, kQuads>& quads) {
  std::uint64_t mask = 0;
  if constexpr (sizeof(T) == 1) {
    for (unsigned n = 0; n < kQuads; ++n) mask |= byte_signs(quads[n]) << (8 * n);
  } else {
    const auto lanes =
        std::bit_cast<std::array<std::make_signed_t<T>, 8 * kQuads / sizeof(T)>>(quads);
    for (unsigned n = 0; n < lanes.size(); ++n) mask |= std::uint64_t{lanes[n] < 0} << n;
  }
  return mask;
}

template <typename T, unsigned kBytes>
void execute_mask(Cpu& cpu, const Instruction& i) {
  require<kBytes>(cpu);
  cpu.set_reg<std::uint64_t>(i.destination, mask_of<T>(read_register<kBytes>(cpu, i.source).quads));
  if constexpr (kBytes == 8) enter_mmx(cpu);
}
template <typename T, unsigned kBytes>
void execute_vex_mask(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto parts = parts_of<kBytes>(cpu, i.source);
  const auto quads = std::bit_cast<std::array<std::uint64_t, kBytes / 8>>(parts);
  cpu.set_reg<std::uint64_t>(i.destination, mask_of<T>(quads));
}

template <typename T>
bool select_mask(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  if (is_vex(decoded)) {
    record.handler =
        is_256(decoded) ? &step<execute_vex_mask<T, 32>> : &step<execute_vex_mask<T, 16>>;
    return true;
  }
  record.handler = is_mmx(decoded, 1) ? &step<execute_mask<T, 8>> : &step<execute_mask<T, 16>>;
  return true;
}

// Stores to [rDI] the bytes whose mask byte has its top bit set (MASKMOVQ, MASKMOVDQU). All of them
// are probed first, so that a fault changes nothing.
template <unsigned kBytes>
void store_masked(Cpu& cpu, const Instruction& i) {
  const auto bytes = read_register<kBytes>(cpu, i.destination).template as<std::uint8_t>();
  const auto mask = read_register<kBytes>(cpu, i.source).template as<std::int8_t>();
  for (unsigned n = 0; n < kBytes; ++n) {
    if (mask[n] < 0) cpu.probe_write(cpu.operand_linear(i, n, 1, Access::kWrite), 1);
  }
  for (unsigned n = 0; n < kBytes; ++n) {
    if (mask[n] < 0) cpu.store<std::uint8_t>(i, bytes[n], n);
  }
}
template <unsigned kBytes>
void execute_masked_store(Cpu& cpu, const Instruction& i) {
  require<kBytes>(cpu);
  store_masked<kBytes>(cpu, i);
  if constexpr (kBytes == 8) enter_mmx(cpu);
}
void execute_vex_masked_store(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  store_masked<16>(cpu, i);
}

bool select_masked_store(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.base = static_cast<std::uint8_t>(x86::Gpr::kRdi);
  record.index = kZeroSlot;
  record.displacement = 0;
  record.segment = static_cast<std::uint8_t>(ZydisRegisterGetId(decoded.operands[2].mem.segment));
  record.handler = is_vex(decoded)      ? &step<execute_vex_masked_store>
                   : is_mmx(decoded, 0) ? &step<execute_masked_store<8>>
                                        : &step<execute_masked_store<16>>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_MOVD, select_transfer<std::uint32_t>},
    {ZYDIS_MNEMONIC_MOVQ, select_transfer<std::uint64_t>},
    {ZYDIS_MNEMONIC_MOVQ2DQ, select_transfer<std::uint64_t>},
    {ZYDIS_MNEMONIC_MOVDQ2Q, select_transfer<std::uint64_t>},
    {ZYDIS_MNEMONIC_MOVNTQ, select_transfer<std::uint64_t>},
    {ZYDIS_MNEMONIC_PINSRB, select_insert<std::uint8_t>},
    {ZYDIS_MNEMONIC_PINSRW, select_insert_word},
    {ZYDIS_MNEMONIC_PINSRD, select_insert<std::uint32_t>},
    {ZYDIS_MNEMONIC_PINSRQ, select_insert<std::uint64_t>},
    {ZYDIS_MNEMONIC_PEXTRB, select_extract<std::uint8_t>},
    {ZYDIS_MNEMONIC_PEXTRW, select_extract<std::uint16_t>},
    {ZYDIS_MNEMONIC_PEXTRD, select_extract<std::uint32_t>},
    {ZYDIS_MNEMONIC_PEXTRQ, select_extract<std::uint64_t>},
    {ZYDIS_MNEMONIC_EXTRACTPS, select_extract<std::uint32_t>},
    {ZYDIS_MNEMONIC_PMOVMSKB, select_mask<std::uint8_t>},
    {ZYDIS_MNEMONIC_MOVMSKPS, select_mask<std::uint32_t>},
    {ZYDIS_MNEMONIC_MOVMSKPD, select_mask<std::uint64_t>},
    {ZYDIS_MNEMONIC_MASKMOVQ, select_masked_store},
    {ZYDIS_MNEMONIC_MASKMOVDQU, select_masked_store},
};

}  // namespace

std::span<const Row> transfer_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
