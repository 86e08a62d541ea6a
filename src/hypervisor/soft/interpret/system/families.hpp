// The parts of the system family, each with its own rows; system_rows() joins them.
#pragma once

#include <span>

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

std::span<const Row> segment_load_rows();      // LDS, LES, LFS, LGS, LSS
std::span<const Row> system_table_rows();      // LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR
std::span<const Row> inspection_rows();        // LAR, LSL, VERR, VERW, ARPL
std::span<const Row> interrupt_rows();         // INT n, INT3, INTO, INT1, BOUND
std::span<const Row> interrupt_return_rows();  // IRET, IRETD, IRETQ
std::span<const Row> control_register_rows();  // SMSW, LMSW, CLTS, XGETBV, XSETBV
std::span<const Row> translation_rows();       // INVLPG, INVPCID
std::span<const Row> identification_rows();    // CPUID
std::span<const Row> model_specific_rows();    // RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC
std::span<const Row> fast_call_rows();         // SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS
std::span<const Row> segment_base_rows();      // RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE
std::span<const Row> flag_rows();              // PUSHF, POPF, CLI, STI, CLAC, STAC
std::span<const Row> port_rows();              // IN, OUT
std::span<const Row> processor_rows();         // HLT, INVD, WBINVD

// MOV to and from CRn and DRn: the parts of select_system_move().
bool select_control_register_move(const Decoded& decoded, Instruction& record);
bool select_debug_register_move(const Decoded& decoded, Instruction& record);

}  // namespace orrery::hypervisor::soft
