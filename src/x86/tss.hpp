// Task-state segments: where things lie in the 16-bit, 32-bit and 64-bit forms (SDM vol. 3A, 7.2.1,
// 7.6 and 7.7).
#pragma once

#include <cstdint>

namespace orrery::x86 {

// Offsets in one of the two forms that hold a task. Registers lie in the order of the machine's
// encoding, at `register_step` bytes; selectors are 16 bits wide, at `selector_step` bytes.
struct TssLayout {
  std::uint16_t minimum_limit;
  std::uint8_t width;  // of EIP, EFLAGS, the registers and stack pointers
  std::uint8_t previous_task = 0;
  std::uint8_t stacks;      // ESP0; SS0 follows it, then ESP1, SS1, ESP2, SS2
  std::uint8_t stack_step;  // from ESPn to ESPn+1
  std::uint8_t cr3;         // 0: this form has none
  std::uint8_t instruction_pointer;
  std::uint8_t flags;
  std::uint8_t registers;  // EAX
  std::uint8_t selectors;  // ES, CS, SS, DS (, FS, GS)
  std::uint8_t selector_step;
  std::uint8_t selector_count;
  std::uint8_t ldt;
  std::uint8_t debug_trap;  // bit 0 is T; 0: this form has none
};

inline constexpr TssLayout kTss16{.minimum_limit = 0x2b,
                                  .width = 2,
                                  .stacks = 0x02,
                                  .stack_step = 4,
                                  .cr3 = 0,
                                  .instruction_pointer = 0x0e,
                                  .flags = 0x10,
                                  .registers = 0x12,
                                  .selectors = 0x22,
                                  .selector_step = 2,
                                  .selector_count = 4,
                                  .ldt = 0x2a,
                                  .debug_trap = 0};

inline constexpr TssLayout kTss32{.minimum_limit = 0x67,
                                  .width = 4,
                                  .stacks = 0x04,
                                  .stack_step = 8,
                                  .cr3 = 0x1c,
                                  .instruction_pointer = 0x20,
                                  .flags = 0x24,
                                  .registers = 0x28,
                                  .selectors = 0x48,
                                  .selector_step = 4,
                                  .selector_count = 6,
                                  .ldt = 0x60,
                                  .debug_trap = 0x64};

// The 64-bit TSS holds stack pointers only (SDM vol. 3A, 7.7, figure 7-11).
namespace tss64 {
inline constexpr unsigned kRsp0 = 0x04;  // RSP0 + 8 * n
inline constexpr unsigned kIst1 = 0x24;  // IST1 + 8 * (n - 1)
}  // namespace tss64

// Of 32-bit and 64-bit TSSs: offset of the I/O permission map from the TSS's base. The interrupt
// redirection map of virtual-8086 mode is the 32 bytes before it (SDM vol. 3A, 20.3.3).
inline constexpr unsigned kIoMapBase = 0x66;
inline constexpr unsigned kInterruptRedirectionBytes = 32;

}  // namespace orrery::x86
