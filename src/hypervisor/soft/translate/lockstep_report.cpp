#include "hypervisor/soft/translate/lockstep_report.hpp"

#include <array>
#include <string_view>

#include <Zydis/Zydis.h>

#include "base/format.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr std::array<std::string_view, x86::kGprs> kNames = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

void normalize(x86::CpuState& state) {
  state.rflags &= ~x86::rflags::kArithmetic;
  state.interrupt_shadow = false;
  x86::X87& x87 = state.x87;
  x87.last_opcode = x87.last_instruction_selector = x87.last_operand_selector = 0;
  x87.last_instruction = x87.last_operand = 0;
}

class Report {
 public:
  template <typename T>
  void add(std::string_view name, const T& translated, const T& interpreted) {
    if (translated == interpreted) return;
    text_ += format("{}{} is {:#x} by the translator, {:#x} by the interpreter",
                    text_.empty() ? "" : ", ", name, translated, interpreted);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_vectors(Report& report, const x86::CpuState& a, const x86::CpuState& b) {
  for (unsigned i = 0; i < a.vectors.size(); ++i) {
    for (unsigned lane = 0; lane < a.vectors[i].size(); ++lane) {
      report.add(format("ymm{}[{}]", i, lane), a.vectors[i][lane], b.vectors[i][lane]);
    }
  }
  report.add("mxcsr", a.mxcsr, b.mxcsr);
}

void add_x87(Report& report, const x86::X87& a, const x86::X87& b) {
  for (unsigned i = 0; i < a.registers.size(); ++i) {
    report.add(format("r{} of the x87 unit", i), a.registers[i].significand,
               b.registers[i].significand);
    report.add(format("exponent of r{}", i), a.registers[i].sign_exponent,
               b.registers[i].sign_exponent);
  }
  report.add("fcw", a.control, b.control);
  report.add("fsw", a.status, b.status);
  report.add("ftw", a.valid, b.valid);
}

}  // namespace

std::string differences_of(x86::CpuState translated, x86::CpuState interpreted) {
  normalize(translated);
  normalize(interpreted);
  if (translated == interpreted) return {};
  Report report;
  for (unsigned i = 0; i < x86::kGprs; ++i) {
    report.add(kNames[i], translated.gpr[i], interpreted.gpr[i]);
  }
  report.add("rip", translated.rip, interpreted.rip);
  report.add("rflags", translated.rflags, interpreted.rflags);
  add_vectors(report, translated, interpreted);
  add_x87(report, translated.x87, interpreted.x87);
  return report.text().empty() ? "segments, control or model-specific registers differ"
                               : report.text();
}

std::string to_text(const Fault& fault) {
  return format("exception {} (error code {:#x}, address {:#x})",
                static_cast<unsigned>(fault.exception), fault.error_code, fault.address);
}

std::string hexadecimal(const void* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += format("{:02x}", static_cast<const std::uint8_t*>(bytes)[i]);
  }
  return text;
}

std::string listing(ByteSpan code, std::uint64_t rip) {
  constexpr unsigned kLines = 24;
  std::string text;
  for (unsigned n = 0; n < kLines && !code.empty(); ++n) {
    ZydisDisassembledInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, rip, code.data(),
                                            code.size(), &instruction))) {
      break;
    }
    const std::size_t length = instruction.info.length;
    text += format("\n  {:x}  {:<24} {}", rip, hexadecimal(code.data(), length),
                   static_cast<const char*>(instruction.text));
    rip += length;
    code = code.subspan(length);
  }
  return text;
}

}  // namespace orrery::hypervisor::soft::translate
