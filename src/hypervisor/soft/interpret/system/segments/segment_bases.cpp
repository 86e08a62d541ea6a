// RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE (SDM vol. 2; CR4.FSGSBASE in vol. 3A, 2.5).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/privilege.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::SegmentRegister;

void require_enabled(Cpu& cpu) {
  if (!cpu.code_64bit() || (cpu.state.cr4 & x86::cr4::kFsGsBase) == 0) {
    cpu.raise(x86::Exception::kInvalidOpcode);
  }
}

template <SegmentRegister reg, typename T>
void read_base(Cpu& cpu, const Instruction& i) {
  require_enabled(cpu);
  cpu.set_reg<T>(i.destination, static_cast<T>(cpu.state[reg].base));
}

template <SegmentRegister reg, typename T>
void write_base(Cpu& cpu, const Instruction& i) {
  require_enabled(cpu);
  const std::uint64_t base = cpu.reg<T>(i.destination);
  require_canonical(cpu, base);
  cpu.state[reg].base = base;
  cpu.segment_bases_changed();
}

template <SegmentRegister reg>
bool select_read(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = width_of(decoded, 0) == 64 ? &step<read_base<reg, std::uint64_t>>
                                              : &step<read_base<reg, std::uint32_t>>;
  return true;
}

template <SegmentRegister reg>
bool select_write(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = width_of(decoded, 0) == 64 ? &step<write_base<reg, std::uint64_t>>
                                              : &step<write_base<reg, std::uint32_t>>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_RDFSBASE, select_read<SegmentRegister::kFs>},
    {ZYDIS_MNEMONIC_RDGSBASE, select_read<SegmentRegister::kGs>},
    {ZYDIS_MNEMONIC_WRFSBASE, select_write<SegmentRegister::kFs>},
    {ZYDIS_MNEMONIC_WRGSBASE, select_write<SegmentRegister::kGs>},
};

}  // namespace

std::span<const Row> segment_base_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
