// FLDCW, FNSTCW, FNSTSW, FNCLEX, FNINIT, FWAIT and the 8087's leftovers (SDM vol. 1, 8.3.11).
#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

void execute_load_control(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  set_control(cpu.state.x87, cpu.load<std::uint16_t>(i));
}

void execute_store_control(Cpu& cpu, const Instruction& i) {
  require_unit(cpu);
  cpu.store<std::uint16_t>(i, cpu.state.x87.control);
}

void execute_store_status(Cpu& cpu, const Instruction& i) {
  require_unit(cpu);
  cpu.store<std::uint16_t>(i, cpu.state.x87.status);
}
void execute_status_to_ax(Cpu& cpu, const Instruction&) {
  require_unit(cpu);
  cpu.set_reg<std::uint16_t>(register_offset(0), cpu.state.x87.status);
}

bool select_store_status(const Decoded& decoded, Instruction& record) {
  record.handler = has_memory(decoded) ? &step<execute_store_status> : &step<execute_status_to_ax>;
  return true;
}

void execute_clear_exceptions(Cpu& cpu, const Instruction&) {
  require_unit(cpu);
  constexpr std::uint16_t kCleared =
      status::kExceptions | status::kStackFault | status::kErrorSummary | status::kBusy;
  cpu.state.x87.status = static_cast<std::uint16_t>(cpu.state.x87.status & ~kCleared);
}

// The registers keep their contents.
void execute_initialize(Cpu& cpu, const Instruction&) {
  require_unit(cpu);
  const auto registers = cpu.state.x87.registers;
  cpu.state.x87 = x86::X87{};
  cpu.state.x87.registers = registers;
}

// #NM needs both CR0.MP and CR0.TS.
void execute_wait(Cpu& cpu, const Instruction&) {
  constexpr std::uint64_t kBoth = x86::cr0::kMonitorCoprocessor | x86::cr0::kTaskSwitched;
  if ((cpu.state.cr0 & kBoth) == kBoth) cpu.raise(x86::Exception::kDeviceNotAvailable);
  report_pending(cpu);
}

void execute_nothing(Cpu& cpu, const Instruction&) {
  require_unit(cpu);
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FLDCW, select<execute_load_control>},
    {ZYDIS_MNEMONIC_FNSTCW, select<execute_store_control>},
    {ZYDIS_MNEMONIC_FNSTSW, select_store_status},
    {ZYDIS_MNEMONIC_FNCLEX, select<execute_clear_exceptions>},
    {ZYDIS_MNEMONIC_FNINIT, select<execute_initialize>},
    {ZYDIS_MNEMONIC_FWAIT, select<execute_wait>},
    {ZYDIS_MNEMONIC_FENI8087_NOP, select<execute_nothing>},
    {ZYDIS_MNEMONIC_FDISI8087_NOP, select<execute_nothing>},
    {ZYDIS_MNEMONIC_FSETPM287_NOP, select<execute_nothing>},
};

}  // namespace

std::span<const Row> control_word_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
