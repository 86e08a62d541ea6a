// x86::CpuState to and from KVM's several structures (Linux, Documentation/virt/kvm/api.rst).
#include <array>
#include <cstring>
#include <span>

#include <linux/kvm.h>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "hypervisor/kvm/kvm_vcpu.hpp"
#include "hypervisor/kvm/variable_length.hpp"

namespace orrery::hypervisor::kvm {
namespace {

using x86::CpuState;

// ---- General registers: one table for both directions
// --------------------------------------------------------------

struct GprField {
  x86::Gpr gpr;
  __u64 kvm_regs::*field;
};

constexpr GprField kGprFields[] = {
    {x86::Gpr::kRax, &kvm_regs::rax}, {x86::Gpr::kRcx, &kvm_regs::rcx},
    {x86::Gpr::kRdx, &kvm_regs::rdx}, {x86::Gpr::kRbx, &kvm_regs::rbx},
    {x86::Gpr::kRsp, &kvm_regs::rsp}, {x86::Gpr::kRbp, &kvm_regs::rbp},
    {x86::Gpr::kRsi, &kvm_regs::rsi}, {x86::Gpr::kRdi, &kvm_regs::rdi},
    {x86::Gpr::kR8, &kvm_regs::r8},   {x86::Gpr::kR9, &kvm_regs::r9},
    {x86::Gpr::kR10, &kvm_regs::r10}, {x86::Gpr::kR11, &kvm_regs::r11},
    {x86::Gpr::kR12, &kvm_regs::r12}, {x86::Gpr::kR13, &kvm_regs::r13},
    {x86::Gpr::kR14, &kvm_regs::r14}, {x86::Gpr::kR15, &kvm_regs::r15},
};

// ---- Segments
// ---------------------------------------------------------------------------------------------------------

struct SegmentField {
  x86::SegmentRegister segment;
  kvm_segment kvm_sregs::*field;
};

constexpr SegmentField kSegmentFields[] = {
    {x86::SegmentRegister::kEs, &kvm_sregs::es}, {x86::SegmentRegister::kCs, &kvm_sregs::cs},
    {x86::SegmentRegister::kSs, &kvm_sregs::ss}, {x86::SegmentRegister::kDs, &kvm_sregs::ds},
    {x86::SegmentRegister::kFs, &kvm_sregs::fs}, {x86::SegmentRegister::kGs, &kvm_sregs::gs},
};

kvm_segment to_kvm(const x86::Segment& segment) {
  const std::uint16_t raw = segment.attributes.raw();
  kvm_segment out{};
  out.base = segment.base;
  out.limit = segment.limit;
  out.selector = segment.selector;
  out.type = static_cast<__u8>(bits(raw, 3, 0));
  out.s = bit(raw, 4);
  out.dpl = static_cast<__u8>(bits(raw, 6, 5));
  out.present = bit(raw, 7);
  out.avl = bit(raw, 12);
  out.l = bit(raw, 13);
  out.db = bit(raw, 14);
  out.g = bit(raw, 15);
  out.unusable = out.present == 0;
  return out;
}

x86::Segment from_kvm(const kvm_segment& in) {
  const bool present = in.present != 0 && in.unusable == 0;
  const auto raw =
      static_cast<std::uint16_t>(in.type | in.s << 4 | in.dpl << 5 | (present ? 1 : 0) << 7 |
                                 in.avl << 12 | in.l << 13 | in.db << 14 | in.g << 15);
  return {in.selector, x86::SegmentAttributes(raw), in.limit, in.base};
}

kvm_dtable to_kvm(const x86::DescriptorTable& table) {
  kvm_dtable out{};
  out.base = table.base;
  out.limit = table.limit;
  return out;
}

// ---- MSRs that are fields of x86::Msrs
// --------------------------------------------------------------------------------

struct MsrField {
  std::uint32_t index;
  std::uint64_t x86::Msrs::*field;
};

constexpr MsrField kMsrFields[] = {
    {0x0000'0174, &x86::Msrs::sysenter_cs},
    {0x0000'0175, &x86::Msrs::sysenter_esp},
    {0x0000'0176, &x86::Msrs::sysenter_eip},
    {0x0000'0277, &x86::Msrs::pat},
    {0x0000'02ff, &x86::Msrs::mtrr_default_type},
    {0xc000'0081, &x86::Msrs::star},
    {0xc000'0082, &x86::Msrs::lstar},
    {0xc000'0083, &x86::Msrs::cstar},
    {0xc000'0084, &x86::Msrs::syscall_mask},
    {0xc000'0102, &x86::Msrs::kernel_gs_base},
    {0xc000'0103, &x86::Msrs::tsc_aux},
};

using MsrBuffer = VariableLength<kvm_msr_entry, std::size(kMsrFields)>;

MsrBuffer msr_buffer() {
  MsrBuffer buffer;
  for (const MsrField& field : kMsrFields)
    buffer.entries[buffer.header.count++].index = field.index;
  return buffer;
}

Result<> get_msrs(const KvmFile& file, x86::Msrs& msrs) {
  MsrBuffer buffer = msr_buffer();
  ORRERY_TRY(const int read, file.call(kGetMsrs, &buffer, "read MSRs"));
  for (std::size_t n = 0; n < static_cast<std::size_t>(read); ++n) {
    msrs.*kMsrFields[n].field = buffer.entries[n].data;
  }
  return {};
}

Result<> set_msrs(const KvmFile& file, const x86::Msrs& msrs) {
  MsrBuffer buffer = msr_buffer();
  for (std::size_t n = 0; n < buffer.entries.size(); ++n)
    buffer.entries[n].data = msrs.*kMsrFields[n].field;
  ORRERY_TRY(const int written, file.call(kSetMsrs, &buffer, "write MSRs"));
  if (static_cast<std::size_t>(written) < buffer.entries.size()) {
    return fail(format("KVM cannot write MSR {:#x}", kMsrFields[written].index));
  }
  return {};
}

// ---- x87, SSE and AVX: the XSAVE area (SDM vol. 1, 13.4)
// ---------------------------------------------------------------

namespace xsave {
constexpr std::size_t kControl = 0;
constexpr std::size_t kStatus = 2;
constexpr std::size_t kTags = 4;
constexpr std::size_t kOpcode = 6;
constexpr std::size_t kInstruction = 8;
constexpr std::size_t kOperand = 16;
constexpr std::size_t kMxcsr = 24;
constexpr std::size_t kRegisters = 32;
constexpr std::size_t kXmm = 160;
constexpr std::size_t kHeader = 512;
constexpr std::size_t kYmmHigh = 576;  // component 2 in the standard format
}  // namespace xsave

void get_vectors(std::span<const std::byte> area, CpuState& state) {
  const std::byte* at = area.data();
  x86::X87& x87 = state.x87;
  x87.control = load_le<std::uint16_t>(at + xsave::kControl);
  x87.status = load_le<std::uint16_t>(at + xsave::kStatus);
  x87.valid = load_le<std::uint8_t>(at + xsave::kTags);
  x87.last_opcode = load_le<std::uint16_t>(at + xsave::kOpcode);
  x87.last_instruction = load_le<std::uint64_t>(at + xsave::kInstruction);
  x87.last_operand = load_le<std::uint64_t>(at + xsave::kOperand);
  state.mxcsr = load_le<std::uint32_t>(at + xsave::kMxcsr);
  const unsigned top = bits(x87.status, 13, 11);
  for (unsigned n = 0; n < 8; ++n) {  // the area holds ST(n), the state physical registers
    x86::Float80& reg = x87.registers[(top + n) & 7];
    reg.significand = load_le<std::uint64_t>(at + xsave::kRegisters + n * 16);
    reg.sign_exponent = load_le<std::uint16_t>(at + xsave::kRegisters + n * 16 + 8);
  }
  for (std::size_t n = 0; n < state.vectors.size(); ++n) {
    std::memcpy(&state.vectors[n][0], at + xsave::kXmm + n * 16, 16);
    std::memcpy(&state.vectors[n][2], at + xsave::kYmmHigh + n * 16, 16);
  }
}

void set_vectors(std::span<std::byte> area, const CpuState& state) {
  std::byte* at = area.data();
  const x86::X87& x87 = state.x87;
  store_le(at + xsave::kControl, x87.control);
  store_le(at + xsave::kStatus, x87.status);
  store_le(at + xsave::kTags, x87.valid);
  store_le(at + xsave::kOpcode, x87.last_opcode);
  store_le(at + xsave::kInstruction, x87.last_instruction);
  store_le(at + xsave::kOperand, x87.last_operand);
  store_le(at + xsave::kMxcsr, state.mxcsr);
  const unsigned top = bits(x87.status, 13, 11);
  for (unsigned n = 0; n < 8; ++n) {
    const x86::Float80& reg = x87.registers[(top + n) & 7];
    store_le(at + xsave::kRegisters + n * 16, reg.significand);
    store_le(at + xsave::kRegisters + n * 16 + 8, reg.sign_exponent);
  }
  for (std::size_t n = 0; n < state.vectors.size(); ++n) {
    std::memcpy(at + xsave::kXmm + n * 16, &state.vectors[n][0], 16);
    std::memcpy(at + xsave::kYmmHigh + n * 16, &state.vectors[n][2], 16);
  }
  store_le(at + xsave::kHeader, x86::xcr0::kX87 | x86::xcr0::kSse | x86::xcr0::kAvx);
}

// ---- Activity
// -------------------------------------------------------------------------------------------------------------

x86::Activity from_kvm_activity(__u32 mp_state) {
  switch (mp_state) {
    case KVM_MP_STATE_HALTED: return x86::Activity::kHalted;
    case KVM_MP_STATE_UNINITIALIZED:
    case KVM_MP_STATE_INIT_RECEIVED: return x86::Activity::kWaitForSipi;
    default: return x86::Activity::kRunning;
  }
}

__u32 to_kvm(x86::Activity activity) {
  switch (activity) {
    case x86::Activity::kHalted: return KVM_MP_STATE_HALTED;
    // Not "uninitialized", which would ignore a start-up IPI that no INIT came before.
    case x86::Activity::kWaitForSipi: return KVM_MP_STATE_INIT_RECEIVED;
    default: return KVM_MP_STATE_RUNNABLE;
  }
}

Result<> get_general(const KvmFile& file, CpuState& state) {
  kvm_regs regs{};
  ORRERY_CHECK(file.call(KVM_GET_REGS, &regs, "read registers"));
  for (const GprField& field : kGprFields) state[field.gpr] = regs.*field.field;
  state.rip = regs.rip;
  state.rflags = regs.rflags;
  return {};
}

Result<> set_general(const KvmFile& file, const CpuState& state) {
  kvm_regs regs{};
  for (const GprField& field : kGprFields) regs.*field.field = state[field.gpr];
  regs.rip = state.rip;
  regs.rflags = state.rflags;
  ORRERY_CHECK(file.call(KVM_SET_REGS, &regs, "write registers"));
  return {};
}

Result<> get_special(const KvmFile& file, CpuState& state) {
  kvm_sregs sregs{};
  ORRERY_CHECK(file.call(KVM_GET_SREGS, &sregs, "read system registers"));
  for (const SegmentField& field : kSegmentFields)
    state[field.segment] = from_kvm(sregs.*field.field);
  state.ldtr = from_kvm(sregs.ldt);
  state.tr = from_kvm(sregs.tr);
  state.gdtr = {sregs.gdt.base, sregs.gdt.limit};
  state.idtr = {sregs.idt.base, sregs.idt.limit};
  state.cr0 = sregs.cr0;
  state.cr2 = sregs.cr2;
  state.cr3 = sregs.cr3;
  state.cr4 = sregs.cr4;
  state.efer = sregs.efer;
  return {};
}

Result<> set_special(const KvmFile& file, const CpuState& state) {
  kvm_sregs sregs{};
  // What CpuState leaves to the local APIC (its base, CR8) stays as it is.
  ORRERY_CHECK(file.call(KVM_GET_SREGS, &sregs, "read system registers"));
  for (const SegmentField& field : kSegmentFields)
    sregs.*field.field = to_kvm(state[field.segment]);
  sregs.ldt = to_kvm(state.ldtr);
  sregs.tr = to_kvm(state.tr);
  sregs.gdt = to_kvm(state.gdtr);
  sregs.idt = to_kvm(state.idtr);
  sregs.cr0 = state.cr0;
  sregs.cr2 = state.cr2;
  sregs.cr3 = state.cr3;
  sregs.cr4 = state.cr4;
  sregs.efer = state.efer;
  std::memset(sregs.interrupt_bitmap, 0, sizeof sregs.interrupt_bitmap);
  ORRERY_CHECK(file.call(KVM_SET_SREGS, &sregs, "write system registers"));
  return {};
}

Result<> get_debug(const KvmFile& file, CpuState& state) {
  kvm_debugregs debug{};
  ORRERY_CHECK(file.call(KVM_GET_DEBUGREGS, &debug, "read debug registers"));
  std::copy(std::begin(debug.db), std::end(debug.db), state.breakpoint_address.begin());
  state.dr6 = debug.dr6;
  state.dr7 = debug.dr7;
  return {};
}

Result<> set_debug_registers(const KvmFile& file, const CpuState& state) {
  kvm_debugregs debug{};
  std::copy(state.breakpoint_address.begin(), state.breakpoint_address.end(), std::begin(debug.db));
  debug.dr6 = state.dr6;
  debug.dr7 = state.dr7;
  ORRERY_CHECK(file.call(KVM_SET_DEBUGREGS, &debug, "write debug registers"));
  return {};
}

Result<> get_events(const KvmFile& file, CpuState& state) {
  kvm_vcpu_events events{};
  ORRERY_CHECK(file.call(KVM_GET_VCPU_EVENTS, &events, "read pending events"));
  state.interrupt_shadow = events.interrupt.shadow != 0;
  state.nmi_blocked = events.nmi.masked != 0;
  state.nmi_pending = events.nmi.pending != 0 || events.nmi.injected != 0;
  // KVM reports software interrupts and breakpoints as not begun: they are executed again.
  if (events.exception.injected != 0) {
    state.pending_event = {x86::PendingKind::kException, events.exception.nr,
                           events.exception.has_error_code != 0, events.exception.error_code};
  } else if (events.interrupt.injected != 0) {
    state.pending_event = {x86::PendingKind::kInterrupt, events.interrupt.nr, false, 0};
  }
  return {};
}

Result<> set_events(const KvmFile& file, const CpuState& state) {
  kvm_vcpu_events events{};
  events.interrupt.shadow = state.interrupt_shadow ? KVM_X86_SHADOW_INT_STI : 0;
  events.nmi.masked = state.nmi_blocked;
  events.nmi.pending = state.nmi_pending;
  const x86::PendingEvent& event = state.pending_event;
  if (event.kind == x86::PendingKind::kException) {
    events.exception.injected = 1;
    events.exception.nr = event.vector;
    events.exception.has_error_code = event.has_error_code;
    events.exception.error_code = event.error_code;
  } else if (event.kind == x86::PendingKind::kInterrupt) {
    events.interrupt.injected = 1;
    events.interrupt.nr = event.vector;
  }
  events.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
  ORRERY_CHECK(file.call(KVM_SET_VCPU_EVENTS, &events, "write pending events"));
  return {};
}

Result<> set_xcr0(const KvmFile& file, const CpuState& state) {
  kvm_xcrs xcrs{};
  xcrs.nr_xcrs = 1;
  xcrs.xcrs[0] = {0, 0, state.xcr0};
  ORRERY_CHECK(file.call(KVM_SET_XCRS, &xcrs, "write XCR0"));
  return {};
}

}  // namespace

Result<CpuState> KvmVcpu::state() const {
  CpuState state;
  ORRERY_CHECK(get_general(file_, state));
  ORRERY_CHECK(get_special(file_, state));
  ORRERY_CHECK(get_debug(file_, state));
  ORRERY_CHECK(get_events(file_, state));
  ORRERY_CHECK(get_msrs(file_, state.msrs));

  XsaveArea vectors;
  ORRERY_CHECK(file_.call(kGetXsave, &vectors, "read the vector state"));
  get_vectors(vectors.bytes, state);
  kvm_xcrs xcrs{};
  ORRERY_CHECK(file_.call(KVM_GET_XCRS, &xcrs, "read XCR0"));
  if (xcrs.nr_xcrs > 0) state.xcr0 = xcrs.xcrs[0].value;
  ORRERY_TRY(state.activity, activity());
  return state;
}

Result<> KvmVcpu::set_state(const CpuState& state) {
  ORRERY_CHECK(set_special(file_, state));
  ORRERY_CHECK(set_general(file_, state));
  ORRERY_CHECK(set_xcr0(file_, state));
  XsaveArea vectors;
  ORRERY_CHECK(file_.call(kGetXsave, &vectors, "read the vector state"));
  set_vectors(vectors.bytes, state);
  ORRERY_CHECK(file_.call(kSetXsave, &vectors, "write the vector state"));
  ORRERY_CHECK(set_msrs(file_, state.msrs));
  ORRERY_CHECK(set_debug_registers(file_, state));
  ORRERY_CHECK(set_events(file_, state));
  return set_activity(state);
}

// Without in-kernel local APICs KVM knows no activity but running.
Result<x86::Activity> KvmVcpu::activity() const {
  if (injector_) return injector_->activity();
  kvm_mp_state activity{};
  ORRERY_CHECK(file_.call(KVM_GET_MP_STATE, &activity, "read the activity state"));
  return from_kvm_activity(activity.mp_state);
}

Result<> KvmVcpu::set_activity(const CpuState& state) {
  if (injector_) {
    injector_->state_was_set(state);
    return {};
  }
  kvm_mp_state activity{to_kvm(state.activity)};
  ORRERY_CHECK(file_.call(KVM_SET_MP_STATE, &activity, "write the activity state"));
  return {};
}

}  // namespace orrery::hypervisor::kvm
