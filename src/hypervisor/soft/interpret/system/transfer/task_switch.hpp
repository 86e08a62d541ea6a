// Hardware task switches (SDM vol. 3A, 7.3).
#pragma once

#include <cstdint>
#include <optional>

#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {

enum class TaskSwitch : std::uint8_t {
  kJump,   // JMP: the old task is no longer busy
  kNest,   // CALL, or a task gate in the IDT: the new task links back to the old one
  kReturn  // IRET with NT: goes back along the link
};

// How the old task is left.
struct TaskDeparture {
  TaskSwitch why;
  std::uint64_t rip;                                       // where it continues one day
  std::uint64_t flags;                                     // and with which flags
  std::optional<std::uint32_t> error_code = std::nullopt;  // to push on the new task's stack
};

// Switches to the task whose TSS descriptor is ENTRY, which the caller has checked for type,
// privilege and presence. Faults that come after the new task's state was loaded belong to it:
// they are thrown with Fault::resumes_at.
void switch_task(Cpu& cpu, const TableEntry& entry, const TaskDeparture& departure);

// The TSS that a task gate names, ready for switch_task(); #GP or #NP where it can not be entered.
TableEntry task_behind_gate(Cpu& cpu, const x86::Descriptor& gate);

// IRET with NT set.
void return_from_nested_task(Cpu& cpu, std::uint64_t return_rip);

}  // namespace orrery::hypervisor::soft
