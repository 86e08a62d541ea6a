#include "hypervisor/soft/translate/emit/gates.hpp"

#include <iterator>

#include "base/format.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "hypervisor/soft/translate/emit/assembler.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// What a C++ function called from here expects to find unchanged (System V ABI, 3.2.1).
constexpr x::Gpq kCalleeSaved[] = {x::rbx, x::rbp, x::r12, x::r13, x::r14, x::r15};
constexpr unsigned kVectorRegisters = 16;

class GateBuilder {
 public:
  GateBuilder(x::Assembler& assembler, const Layout& layout, const Helpers& helpers,
              Translator* translator, HostRegisters registers)
      : a_(assembler),
        layout_(layout),
        helpers_(helpers),
        translator_(translator),
        registers_(registers) {
    common_exit_ = a_.newLabel();
    save_ = a_.newLabel();
    load_ = a_.newLabel();
  }

  struct Labels {
    asmjit::Label enter, exit_continue, exit_continue_saved, exit_link, exit_link_saved,
        exit_stale_saved, exit_indirect_saved, exit_interpret, exit_interpret_saved, access, commit,
        callout, system, load_vectors, load_avx, load_x87;
  };

  Labels build() {
    Labels labels;
    labels.enter = enter();
    labels.exit_continue = exit(ExitKind::kContinue, Flags::kHost);
    labels.exit_continue_saved = exit(ExitKind::kContinue, Flags::kSaved);
    labels.exit_stale_saved = exit(ExitKind::kStale, Flags::kSaved);
    labels.exit_link = exit(ExitKind::kLink, Flags::kHost);
    labels.exit_link_saved = exit(ExitKind::kLink, Flags::kSaved);
    labels.exit_indirect_saved = exit(ExitKind::kIndirect, Flags::kSaved);
    labels.exit_interpret = exit(ExitKind::kInterpret, Flags::kHost);
    labels.exit_interpret_saved = exit(ExitKind::kInterpret, Flags::kSaved);
    leave();
    labels.access = access();
    labels.commit = helper_gate(reinterpret_cast<std::uint64_t>(helpers_.commit), kT1);
    labels.callout = helper_gate(reinterpret_cast<std::uint64_t>(helpers_.callout), kT0);
    labels.system = system();
    labels.load_x87 = helper_gate(reinterpret_cast<std::uint64_t>(helpers_.load_x87), kT0);
    labels.load_vectors = load_vectors(Vectors::kSse, labels.exit_interpret_saved);
    labels.load_avx = load_vectors(Vectors::kAvx, labels.exit_interpret_saved);
    save_registers();
    load_registers();
    return labels;
  }

 private:
  asmjit::Label here() {
    a_.align(asmjit::AlignMode::kCode, 16);
    const asmjit::Label label = a_.newLabel();
    a_.bind(label);
    return label;
  }

  x::Mem state_field(std::int32_t offset, std::uint32_t size = 8) const {
    return context(offset, size);
  }

  asmjit::Label enter() {
    const asmjit::Label label = here();
    for (const x::Gpq& reg : kCalleeSaved) a_.push(reg);
    a_.sub(x::rsp, 8);  // translated code runs with the stack aligned to 16
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, scratch)), x::rdi);
    a_.call(load_);
    a_.jmp(state_field(ORRERY_STATE_FIELD(layout_, scratch)));
    return label;
  }

  enum class Flags : std::uint8_t { kHost, kSaved };

  asmjit::Label exit(ExitKind kind, Flags flags) {
    const asmjit::Label label = here();
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, next_rip)), kT0);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, exit_site)), kT1);
    a_.call(save_);
    if (flags == Flags::kSaved) {
      a_.movzx(x::eax, state_field(ORRERY_STATE_FIELD(layout_, saved_flags), 2));
      a_.mov(state_field(ORRERY_STATE_FIELD(layout_, flags), 2), x::ax);
    }
    a_.mov(x::eax, static_cast<std::uint32_t>(kind));
    a_.jmp(common_exit_);
    return label;
  }

  // EAX: ExitKind. Guest registers are saved.
  void leave() {
    a_.bind(common_exit_);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1), 0);
    a_.add(x::rsp, 8);
    for (auto reg = std::rbegin(kCalleeSaved); reg != std::rend(kCalleeSaved); ++reg) a_.pop(*reg);
    a_.ret();
  }

  void call_helper(std::uint64_t function) {
    a_.mov(x::rdi, reinterpret_cast<std::uint64_t>(translator_));
    a_.sub(x::rsp, 8);
    a_.mov(x::rax, function);
    a_.call(x::rax);
    a_.add(x::rsp, 8);
  }

  // A helper with one argument that gives an ExitKind.
  asmjit::Label helper_gate(std::uint64_t function, const x::Gpq& argument) {
    const asmjit::Label label = here();
    const asmjit::Label go_on = a_.newLabel();
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, gate_first)), argument);
    a_.call(save_);
    a_.mov(x::rsi, state_field(ORRERY_STATE_FIELD(layout_, gate_first)));
    call_helper(function);
    a_.test(x::eax, x::eax);
    a_.jz(go_on);
    a_.add(x::rsp, 8);  // the return address
    a_.jmp(common_exit_);
    a_.bind(go_on);
    a_.jmp(load_);  // returns to the translated code
    return label;
  }

  // Vectors stay in memory: operating systems do not use them, and whoever does loads them again.
  asmjit::Label system() {
    const asmjit::Label label = here();
    const asmjit::Label go_on = a_.newLabel();
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, gate_first)), kT0);
    a_.call(save_);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1), 0);
    a_.mov(x::rsi, state_field(ORRERY_STATE_FIELD(layout_, gate_first)));
    a_.mov(x::rdi, reinterpret_cast<std::uint64_t>(translator_));
    a_.mov(x::rax, reinterpret_cast<std::uint64_t>(helpers_.system));
    a_.call(x::rax);  // nobody has called this gate: the stack is aligned
    a_.test(x::rax, x::rax);
    a_.jnz(go_on);
    a_.mov(x::eax, x::edx);
    a_.jmp(common_exit_);
    a_.bind(go_on);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, scratch)), x::rax);
    a_.call(load_);
    a_.jmp(state_field(ORRERY_STATE_FIELD(layout_, scratch)));
    return label;
  }

  asmjit::Label access() {
    const asmjit::Label label = here();
    const asmjit::Label possible = a_.newLabel();
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, gate_first)), kT0);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, gate_second)), kT1);
    a_.call(save_);
    a_.mov(x::rsi, state_field(ORRERY_STATE_FIELD(layout_, gate_second)));
    a_.mov(x::rdx, state_field(ORRERY_STATE_FIELD(layout_, gate_first)));
    call_helper(reinterpret_cast<std::uint64_t>(helpers_.access));
    a_.test(x::rax, x::rax);
    a_.jnz(possible);
    a_.add(x::rsp, 8);
    a_.mov(x::eax, static_cast<std::uint32_t>(ExitKind::kFault));
    a_.jmp(common_exit_);
    a_.bind(possible);
    a_.lea(x::rdx, x::ptr(x::rdx, x::rdx, 2));  // 5 * commit
    a_.add(x::ptr(x::rsp), x::rdx);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, gate_first)), x::rax);
    a_.call(load_);
    a_.mov(kT0, state_field(ORRERY_STATE_FIELD(layout_, gate_first)));
    a_.ret();
    return label;
  }

  asmjit::Label load_vectors(Vectors needed, const asmjit::Label& exit_interpret) {
    const asmjit::Label label = here();
    const asmjit::Label forbidden = a_.newLabel();
    const x::Mem allowed = state_field(ORRERY_STATE_FIELD(layout_, vectors_allowed), 1);
    a_.cmp(allowed, static_cast<std::uint32_t>(needed));
    a_.jb(forbidden);
    a_.movzx(kT1.r32(), allowed);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1), kT1.r8());
    load_vector_registers();
    a_.ret();
    a_.bind(forbidden);
    a_.add(x::rsp, 8);
    a_.jmp(exit_interpret);
    return label;
  }

  x::Mem vector(unsigned number, unsigned offset = 0, std::uint32_t size = 16) const {
    const auto place = static_cast<std::int32_t>(number * sizeof(x86::Vector) + offset);
    return context(layout_.vectors + place, size);
  }

  // Goes on at XMM_ONLY where the YMM registers are not the guest's.
  void skip_without_avx(const asmjit::Label& xmm_only) {
    a_.cmp(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1),
           static_cast<std::uint32_t>(Vectors::kAvx));
    a_.jb(xmm_only);
  }

  // Registers whose upper halves are in use make legacy SSE slow on some processors, so zeros are
  // not loaded there: mostly all halves are zero.
  void load_vector_registers() {
    const asmjit::Label xmm_only = a_.newLabel();
    const asmjit::Label control = a_.newLabel();
    if (has_avx_) {
      constexpr unsigned kUpper = 16;
      const asmjit::Label used = a_.newLabel();
      skip_without_avx(xmm_only);
      a_.vmovups(x::xmm0, vector(0, kUpper));
      for (unsigned n = 1; n < kVectorRegisters; ++n) a_.vorps(x::xmm0, x::xmm0, vector(n, kUpper));
      a_.vptest(x::xmm0, x::xmm0);
      a_.jnz(used);
      a_.vzeroupper();
      a_.jmp(xmm_only);
      a_.bind(used);
      for (unsigned n = 0; n < kVectorRegisters; ++n) a_.vmovups(x::ymm(n), vector(n, 0, 32));
      a_.jmp(control);
    }
    a_.bind(xmm_only);
    for (unsigned n = 0; n < kVectorRegisters; ++n) a_.movups(x::xmm(n), vector(n));
    a_.bind(control);
    a_.ldmxcsr(state_field(layout_.mxcsr, 4));
  }

  // Leaves the upper halves zero, as C++ expects them.
  void save_vector_registers() {
    const asmjit::Label xmm_only = a_.newLabel();
    const asmjit::Label control = a_.newLabel();
    if (has_avx_) {
      skip_without_avx(xmm_only);
      for (unsigned n = 0; n < kVectorRegisters; ++n) a_.vmovups(vector(n, 0, 32), x::ymm(n));
      a_.vzeroupper();
      a_.jmp(control);
    }
    a_.bind(xmm_only);
    for (unsigned n = 0; n < kVectorRegisters; ++n) a_.movups(vector(n), x::xmm(n));
    a_.bind(control);
    a_.stmxcsr(state_field(layout_.mxcsr, 4));
    a_.ldmxcsr(state_field(ORRERY_STATE_FIELD(layout_, host_mxcsr), 4));
  }

  // Subroutine: all that is the guest's goes to memory. Leaves RAX and flags undefined.
  void save_registers() {
    a_.align(asmjit::AlignMode::kCode, 16);
    a_.bind(save_);
    a_.mov(context(layout_.gpr(0)), x::rax);
    a_.lahf();
    a_.seto(x::al);
    a_.mov(state_field(ORRERY_STATE_FIELD(layout_, flags), 2), x::ax);
    for_each_held_gpr([&](unsigned guest, const x::Gpq& host) {
      if (guest != 0) a_.mov(context(layout_.gpr(guest)), host);
    });
    const x::Mem countdown = state_field(ORRERY_STATE_FIELD(layout_, countdown));
    if (registers_.counts()) a_.mov(countdown, kCounter);
    const asmjit::Label done = a_.newLabel();
    a_.cmp(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1), 0);
    a_.je(done);
    save_vector_registers();
    a_.bind(done);
    a_.ret();
  }

  // Subroutine: the reverse.
  void load_registers() {
    a_.align(asmjit::AlignMode::kCode, 16);
    a_.bind(load_);
    const asmjit::Label done = a_.newLabel();
    a_.cmp(state_field(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1), 0);
    a_.je(done);
    load_vector_registers();
    a_.bind(done);
    a_.movzx(x::eax, state_field(ORRERY_STATE_FIELD(layout_, flags), 2));
    a_.add(x::al, 0x7f);  // OF
    a_.sahf();
    for_each_held_gpr(
        [&](unsigned guest, const x::Gpq& host) { a_.mov(host, context(layout_.gpr(guest))); });
    const x::Mem countdown = state_field(ORRERY_STATE_FIELD(layout_, countdown));
    if (registers_.counts()) a_.mov(kCounter, countdown);
    a_.ret();
  }

  template <typename Function>
  void for_each_held_gpr(Function function) const {
    for (unsigned guest = 0; guest < x86::kGprs; ++guest) {
      if (const auto host = registers_.of(guest)) function(guest, x::gpq(*host));
    }
  }

  x::Assembler& a_;
  const Layout& layout_;
  const Helpers& helpers_;
  Translator* translator_;
  HostRegisters registers_;
  const bool has_avx_ = has_instruction_set(ZYDIS_ISA_EXT_AVX, ZYDIS_INSTRUCTION_ENCODING_VEX);
  asmjit::Label common_exit_, save_, load_;
};

}  // namespace

Result<Gates> make_gates(CodeCache& cache, const Layout& layout, const Helpers& helpers,
                         Translator* translator, HostRegisters registers) {
  asmjit::CodeHolder code;
  code.init(asmjit::Environment::host());
  x::Assembler assembler(&code);
  const GateBuilder::Labels labels =
      GateBuilder(assembler, layout, helpers, translator, registers).build();
  code.flatten();
  code.resolveUnresolvedLinks();
  const auto place = cache.reserve(code.codeSize());
  if (!place) return fail("the code cache has no room for the translator's gates");
  const std::uint64_t base = place->hot;
  if (const auto error = code.relocateToBase(base); error != asmjit::kErrorOk) {
    return fail(format("cannot assemble the translator's gates: {}",
                       asmjit::DebugUtils::errorAsString(error)));
  }
  const asmjit::CodeBuffer& text = code.textSection()->buffer();
  cache.write(base, as_bytes(text.data(), text.size()));

  const auto address = [&](const asmjit::Label& label) {
    return base + code.labelOffsetFromBase(label);
  };
  Gates gates;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): code has an address only
  gates.enter = reinterpret_cast<std::uint32_t (*)(std::uint64_t)>(address(labels.enter));
  gates.exit_continue = address(labels.exit_continue);
  gates.exit_continue_saved = address(labels.exit_continue_saved);
  gates.exit_stale_saved = address(labels.exit_stale_saved);
  gates.exit_link = address(labels.exit_link);
  gates.exit_link_saved = address(labels.exit_link_saved);
  gates.exit_indirect_saved = address(labels.exit_indirect_saved);
  gates.exit_interpret = address(labels.exit_interpret);
  gates.access = address(labels.access);
  gates.commit = address(labels.commit);
  gates.callout = address(labels.callout);
  gates.system = address(labels.system);
  gates.load_vectors = address(labels.load_vectors);
  gates.load_avx = address(labels.load_avx);
  gates.load_x87 = address(labels.load_x87);
  return gates;
}

}  // namespace orrery::hypervisor::soft::translate
