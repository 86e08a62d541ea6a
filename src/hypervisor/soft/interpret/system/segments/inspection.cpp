// Looking at descriptors without loading them (SDM vol. 2: LAR, LSL, VERR, VERW, ARPL; vol. 3A,
// 5.10). They answer in ZF and never fault on a selector.
#include <algorithm>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::SegmentSelector;
using x86::SystemType;

void set_zero_flag(Cpu& cpu, bool value) {
  cpu.flags.zero = value ? 0 : 1;
}

// The r/m16 operand: `extra` says that it is memory, `source` which register it is otherwise.
std::uint16_t selector_operand(Cpu& cpu, const Instruction& i) {
  return i.extra != 0 ? cpu.load<std::uint16_t>(i) : cpu.reg<std::uint16_t>(i.source);
}

// Which system segments an instruction tells about, as bits by type.
using SystemTypes = std::uint16_t;
constexpr SystemTypes type_bit(SystemType type) {
  return static_cast<SystemTypes>(1u << static_cast<unsigned>(type));
}
constexpr SystemTypes kSegmentsOfIa32e = type_bit(SystemType::kLdt) |
                                         type_bit(SystemType::kTss32Available) |
                                         type_bit(SystemType::kTss32Busy);
constexpr SystemTypes kSegments =
    kSegmentsOfIa32e | type_bit(SystemType::kTss16Available) | type_bit(SystemType::kTss16Busy);

// SDM vol. 2, tables of LAR and LSL: valid types outside of and in IA-32e mode.
struct AccessRights {
  static constexpr SystemTypes kLegacy = kSegments | type_bit(SystemType::kCallGate16) |
                                         type_bit(SystemType::kCallGate32) |
                                         type_bit(SystemType::kTaskGate);
  static constexpr SystemTypes kIa32e = kSegmentsOfIa32e | type_bit(SystemType::kCallGate32);
  // Bits 19:16 are undefined in the manual; processors give the limit's.
  static std::uint32_t result(const x86::Descriptor& descriptor) {
    return static_cast<std::uint32_t>(descriptor.low() >> 32) & 0x00ff'ff00;
  }
};
struct Limit {
  static constexpr SystemTypes kLegacy = kSegments;
  static constexpr SystemTypes kIa32e = kSegmentsOfIa32e;
  static std::uint32_t result(const x86::Descriptor& descriptor) { return descriptor.limit(); }
};

bool is_visible(const Cpu& cpu, SegmentSelector selector,
                const x86::SegmentAttributes& attributes) {
  return attributes.is_conforming() || std::max(cpu.cpl(), selector.rpl()) <= attributes.dpl();
}

template <typename What>
bool is_accepted(const Cpu& cpu, const TableEntry& entry) {
  const x86::Descriptor& descriptor = entry.descriptor;
  if (descriptor.is_system()) {
    const SystemTypes accepted = cpu.state.long_mode() ? What::kIa32e : What::kLegacy;
    if ((accepted & type_bit(descriptor.system_type())) == 0) return false;
  }
  return is_visible(cpu, entry.selector, descriptor.attributes());
}

template <typename What, typename T>
void inspect(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  const SegmentSelector selector(selector_operand(cpu, i));
  const auto entry = selector.is_null() ? std::nullopt : find_descriptor(cpu, selector);
  const bool accepted = entry && is_accepted<What>(cpu, *entry);
  if (accepted) cpu.set_reg<T>(i.destination, static_cast<T>(What::result(entry->descriptor)));
  set_zero_flag(cpu, accepted);
}

template <bool (x86::SegmentAttributes::*allows)() const>
void verify(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  const SegmentSelector selector(selector_operand(cpu, i));
  const auto entry = selector.is_null() ? std::nullopt : find_descriptor(cpu, selector);
  const bool allowed = entry && !entry->descriptor.is_system() &&
                       (entry->descriptor.attributes().*allows)() &&
                       is_visible(cpu, selector, entry->descriptor.attributes());
  set_zero_flag(cpu, allowed);
}

std::uint16_t raised_to(std::uint16_t selector, unsigned rpl) {
  return SegmentSelector(selector).with_rpl(std::max(SegmentSelector(selector).rpl(), rpl)).raw();
}

void adjust_rpl_in_register(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  const auto old = cpu.reg<std::uint16_t>(i.destination);
  const std::uint16_t adjusted = raised_to(old, cpu.reg<std::uint16_t>(i.source) & 3);
  cpu.set_reg<std::uint16_t>(i.destination, adjusted);
  set_zero_flag(cpu, adjusted != old);
}

void adjust_rpl_in_memory(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  const unsigned rpl = cpu.reg<std::uint16_t>(i.source) & 3;
  bool changed = false;
  cpu.modify<std::uint16_t>(i, [&](std::uint16_t old) {
    const std::uint16_t adjusted = raised_to(old, rpl);
    changed = adjusted != old;
    return adjusted;
  });
  set_zero_flag(cpu, changed);
}

template <typename What>
bool select_inspect(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.extra = is_memory(decoded, 1) ? 1 : 0;
  record.handler = for_wide_width(width_of(decoded, 0),
                                  []<typename T>() -> Handler { return &step<inspect<What, T>>; });
  return record.handler != nullptr;
}

template <auto body>
bool select_verify(const Decoded& decoded, Instruction& record) {
  if (is_register(decoded, 0)) record.source = register_field(decoded, 0);
  record.extra = is_memory(decoded, 0) ? 1 : 0;
  record.handler = &step<body>;
  return true;
}

bool select_adjust_rpl(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler =
      is_memory(decoded, 0) ? &step<adjust_rpl_in_memory> : &step<adjust_rpl_in_register>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_LAR, select_inspect<AccessRights>},
    {ZYDIS_MNEMONIC_LSL, select_inspect<Limit>},
    {ZYDIS_MNEMONIC_VERR, select_verify<verify<&x86::SegmentAttributes::is_readable>>},
    {ZYDIS_MNEMONIC_VERW, select_verify<verify<&x86::SegmentAttributes::is_writable>>},
    {ZYDIS_MNEMONIC_ARPL, select_adjust_rpl},
};

}  // namespace

std::span<const Row> inspection_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
