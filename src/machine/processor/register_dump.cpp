#include "machine/processor/register_dump.hpp"

#include "base/format.hpp"

namespace orrery::machine {
namespace {

constexpr const char* kGprNames[x86::kGprs] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP",
                                               "RSI", "RDI", "R8 ", "R9 ", "R10", "R11",
                                               "R12", "R13", "R14", "R15"};
constexpr const char* kSegmentNames[x86::kSegmentRegisters] = {"ES", "CS", "SS", "DS", "FS", "GS"};

std::string segment_line(const char* name, const x86::Segment& segment) {
  return format("{:4} {:04x} base {:016x} limit {:08x} attributes {:04x}\n", name, segment.selector,
                segment.base, segment.limit, segment.attributes.raw());
}

}  // namespace

std::string register_dump(const x86::CpuState& state) {
  std::string text;
  for (unsigned i = 0; i < x86::kGprs; ++i) {
    text += format("{} {:016x}{}", kGprNames[i], state.gpr[i], i % 4 == 3 ? "\n" : "  ");
  }
  text += format("RIP {:016x}  RFLAGS {:08x}  CPL {}\n", state.rip, state.rflags, state.cpl());
  for (unsigned i = 0; i < x86::kSegmentRegisters; ++i) {
    text += segment_line(kSegmentNames[i], state.segments[i]);
  }
  text += segment_line("LDTR", state.ldtr);
  text += segment_line("TR", state.tr);
  text += format("GDTR base {:016x} limit {:04x}  IDTR base {:016x} limit {:04x}\n",
                 state.gdtr.base, state.gdtr.limit, state.idtr.base, state.idtr.limit);
  text += format("CR0 {:08x}  CR2 {:016x}  CR3 {:016x}  CR4 {:08x}  EFER {:04x}  XCR0 {:x}\n",
                 state.cr0, state.cr2, state.cr3, state.cr4, state.efer, state.xcr0);
  text += format("DR6 {:08x}  DR7 {:08x}  MXCSR {:04x}\n", state.dr6, state.dr7, state.mxcsr);
  return text;
}

}  // namespace orrery::machine
