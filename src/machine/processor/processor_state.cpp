// A vCPU's architectural state as a saved tree.
#include "device/fields.hpp"
#include "machine/processor/processor.hpp"

namespace orrery::device {

template <>
struct FieldsOf<x86::Segment> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("selector", self.selector);
    std::uint16_t attributes = self.attributes.raw();
    archive("attributes", attributes);
    if constexpr (!std::is_const_v<Self>) self.attributes = x86::SegmentAttributes(attributes);
    archive("limit", self.limit);
    archive("base", self.base);
  }
};

template <>
struct FieldsOf<x86::DescriptorTable> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("base", self.base);
    archive("limit", self.limit);
  }
};

template <>
struct FieldsOf<x86::Float80> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("significand", self.significand);
    archive("sign_exponent", self.sign_exponent);
  }
};

template <>
struct FieldsOf<x86::X87> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("registers", self.registers);
    archive("control", self.control);
    archive("status", self.status);
    archive("valid", self.valid);
    archive("last_opcode", self.last_opcode);
    archive("last_instruction", self.last_instruction);
    archive("last_instruction_selector", self.last_instruction_selector);
    archive("last_operand", self.last_operand);
    archive("last_operand_selector", self.last_operand_selector);
  }
};

template <>
struct FieldsOf<x86::Msrs> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("star", self.star);
    archive("lstar", self.lstar);
    archive("cstar", self.cstar);
    archive("syscall_mask", self.syscall_mask);
    archive("kernel_gs_base", self.kernel_gs_base);
    archive("tsc_aux", self.tsc_aux);
    archive("sysenter_cs", self.sysenter_cs);
    archive("sysenter_esp", self.sysenter_esp);
    archive("sysenter_eip", self.sysenter_eip);
    archive("pat", self.pat);
    archive("misc_enable", self.misc_enable);
    archive("mtrr_default_type", self.mtrr_default_type);
    archive("mtrr_fixed", self.mtrr_fixed);
    archive("mtrr_variable", self.mtrr_variable);
    archive("tsc_adjust", self.tsc_adjust);
  }
};

template <>
struct FieldsOf<x86::PendingEvent> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("kind", self.kind);
    archive("vector", self.vector);
    archive("has_error_code", self.has_error_code);
    archive("error_code", self.error_code);
  }
};

template <>
struct FieldsOf<x86::CpuState> {
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("gpr", self.gpr);
    archive("rip", self.rip);
    archive("rflags", self.rflags);
    archive("segments", self.segments);
    archive("ldtr", self.ldtr);
    archive("tr", self.tr);
    archive("gdtr", self.gdtr);
    archive("idtr", self.idtr);
    archive("cr0", self.cr0);
    archive("cr2", self.cr2);
    archive("cr3", self.cr3);
    archive("cr4", self.cr4);
    archive("efer", self.efer);
    archive("xcr0", self.xcr0);
    archive("breakpoint_address", self.breakpoint_address);
    archive("dr6", self.dr6);
    archive("dr7", self.dr7);
    archive("x87", self.x87);
    archive("mxcsr", self.mxcsr);
    archive("vectors", self.vectors);
    archive("msrs", self.msrs);
    archive("activity", self.activity);
    archive("interrupt_shadow", self.interrupt_shadow);
    archive("nmi_blocked", self.nmi_blocked);
    archive("nmi_pending", self.nmi_pending);
    archive("pending_event", self.pending_event);
  }
};

}  // namespace orrery::device

namespace orrery::machine {
namespace {

constexpr unsigned kVersion = 2;
constexpr const char* kModel = "vcpu";

// What the machine keeps about a vCPU, beside the hypervisor's state.
struct SavedProcessor {
  x86::CpuState state;
  bool nmi = false;
  bool init = false;
  std::int32_t startup_vector = -1;
  bool waits_for_startup = false;

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("state", self.state);
    archive("nmi", self.nmi);
    archive("init", self.init);
    archive("startup_vector", self.startup_vector);
    archive("waits_for_startup", self.waits_for_startup);
  }
  bool valid() const {
    return startup_vector >= -1 && startup_vector <= 0xff &&
           state.activity <= x86::Activity::kShutdown &&
           state.pending_event.kind <= x86::PendingKind::kInterrupt;
  }
};

}  // namespace

Result<device::State> Processor::save() const {
  ORRERY_TRY(auto state, vcpu_->state());
  return device::save_fields(
      kModel, kVersion, SavedProcessor{state, nmi_, init_, startup_vector_, waits_for_startup_});
}

Result<> Processor::restore(const device::State& tree) {
  SavedProcessor saved;
  ORRERY_CHECK(device::restore_fields(kModel, kVersion, tree, saved));
  ORRERY_CHECK(vcpu_->set_state(saved.state));
  nmi_ = saved.nmi;
  init_ = saved.init;
  startup_vector_ = saved.startup_vector;
  waits_for_startup_ = saved.waits_for_startup;
  return {};
}

}  // namespace orrery::machine
