// IN and OUT, and who may use them (SDM vol. 1, chapter 19; vol. 2, IN and OUT).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/events/virtual_interrupt.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Gpr;

// The bits of the I/O permission map for PORT and the seven after it (SDM vol. 1, 19.5.2): two
// bytes are always read, and both must lie within the TSS.
std::uint32_t permission_bits(Cpu& cpu, std::uint16_t port) {
  const x86::Segment& tss = cpu.state.tr;
  const auto type = static_cast<x86::SystemType>(tss.attributes.type());
  if (!x86::is_wide(type) || tss.limit < x86::kTss32.minimum_limit) {
    cpu.raise(x86::Exception::kGeneralProtection, 0);
  }
  const std::uint32_t base = read_system<std::uint16_t>(cpu, tss.base + x86::kIoMapBase);
  const std::uint32_t offset = base + port / 8;
  if (offset + 1 > tss.limit) cpu.raise(x86::Exception::kGeneralProtection, 0);
  return static_cast<std::uint32_t>(read_system<std::uint16_t>(cpu, tss.base + offset)) >>
         (port % 8);
}

constexpr Width width_of_type(unsigned bytes) {
  return static_cast<Width>(bytes);
}

enum class Port : std::uint8_t { kImmediate, kDx };

template <Port where>
std::uint16_t port_of(Cpu& cpu, const Instruction& i) {
  return static_cast<std::uint16_t>(where == Port::kDx ? cpu.gpr(Gpr::kRdx) : i.immediate & 0xff);
}

void begin_access(Cpu& cpu, std::uint16_t port, Width width) {
  check_port_access(cpu, port, width);
  ++cpu.statistics.port_accesses;
}

template <typename T, Port where>
void read_port(Cpu& cpu, const Instruction& i) {
  constexpr Width kWidth = width_of_type(sizeof(T));
  const std::uint16_t port = port_of<where>(cpu, i);
  begin_access(cpu, port, kWidth);
  cpu.set_reg<T>(register_offset(static_cast<unsigned>(Gpr::kRax)),
                 static_cast<T>(cpu.environment.port_read(port, kWidth)));
}

template <typename T, Port where>
void write_port(Cpu& cpu, const Instruction& i) {
  constexpr Width kWidth = width_of_type(sizeof(T));
  const std::uint16_t port = port_of<where>(cpu, i);
  begin_access(cpu, port, kWidth);
  cpu.environment.port_write(port, kWidth, static_cast<T>(cpu.gpr(Gpr::kRax)));
}

unsigned data_width(const Decoded& decoded, unsigned index) {
  return width_of(decoded, index) == 64 ? 32 : width_of(decoded, index);
}

bool select_in(const Decoded& decoded, Instruction& record) {
  const bool immediate = is_immediate(decoded, 1);
  record.handler = for_width(data_width(decoded, 0), [immediate]<typename T>() -> Handler {
    return immediate ? &leave<read_port<T, Port::kImmediate>> : &leave<read_port<T, Port::kDx>>;
  });
  return record.handler != nullptr;
}

bool select_out(const Decoded& decoded, Instruction& record) {
  const bool immediate = is_immediate(decoded, 0);
  record.handler = for_width(data_width(decoded, 1), [immediate]<typename T>() -> Handler {
    return immediate ? &leave<write_port<T, Port::kImmediate>> : &leave<write_port<T, Port::kDx>>;
  });
  return record.handler != nullptr;
}

// A device may have changed what is mapped or who waits: the next instruction starts a new block.
constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_IN, select_in, Ends::kBlock},
    {ZYDIS_MNEMONIC_OUT, select_out, Ends::kBlock},
};

}  // namespace

void check_port_access(Cpu& cpu, std::uint16_t port, Width width) {
  const bool free =
      !cpu.state.protected_mode() || (!cpu.state.virtual_8086() && cpu.cpl() <= io_privilege(cpu));
  if (!free) {
    const std::uint32_t wanted = (1u << bytes_of(width)) - 1;
    if ((permission_bits(cpu, port) & wanted) != 0) {
      cpu.raise(x86::Exception::kGeneralProtection, 0);
    }
  }
  if ((cpu.state.dr7 & x86::dr7::kEnableMask) != 0) {
    cpu.note_breakpoints_hit(port_breakpoints_at(cpu.state, port, width));
  }
}

std::span<const Row> port_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
