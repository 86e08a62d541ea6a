#include "hypervisor/kvm/interrupt_injector.hpp"

#include <array>

#include "x86/flags.hpp"

namespace orrery::hypervisor::kvm {

Result<> let_environment_have_msrs(const KvmFile& kvm, const KvmFile& vm) {
  constexpr auto kCapability = KVM_CAP_X86_USER_SPACE_MSR;
  constexpr unsigned kReasons =
      KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER;
  ORRERY_TRY(const int has, kvm.call(KVM_CHECK_EXTENSION, std::uint64_t{kCapability},
                                     "tell whether MSRs can be had outside of it"));
  if (has == 0) {
    return fail(
        "this host's KVM cannot leave local APICs to the machine (Linux 5.10 and later can); use "
        "--irqchip kernel");
  }
  kvm_enable_cap enable{};
  enable.cap = kCapability;
  enable.args[0] = kReasons;
  ORRERY_CHECK(vm.call(KVM_ENABLE_CAP, &enable, "leave MSRs to the machine"));

  // KVM would answer these two itself. The x2APIC's are unknown to it without local APICs.
  constexpr std::uint32_t kApicBase = 0x1b;
  constexpr std::uint32_t kTscDeadline = 0x6e0;
  std::uint8_t none_allowed = 0;
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  std::size_t used = 0;
  for (const std::uint32_t index : {kApicBase, kTscDeadline}) {
    filter.ranges[used++] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                             .nmsrs = 1,
                             .base = index,
                             .bitmap = &none_allowed};
  }
  ORRERY_CHECK(vm.call(KVM_X86_SET_MSR_FILTER, &filter, "leave the local APIC's MSRs alone"));
  return {};
}

Result<bool> InterruptInjector::prepare() {
  if (activity_ == x86::Activity::kWaitForSipi) return false;
  area_.cr8 = environment_.task_priority();
  ORRERY_CHECK(inject_nmi());
  ORRERY_CHECK(inject_interrupt());
  // What could not be injected now: KVM comes back as soon as the guest takes interrupts.
  area_.request_interrupt_window = environment_.interrupt_pending() ? 1 : 0;
  return activity_ == x86::Activity::kRunning;
}

Result<> InterruptInjector::inject_nmi() {
  if (!environment_.acknowledge_nmi()) return {};
  ORRERY_CHECK(vcpu_.call(KVM_NMI, 0ul, "inject an NMI"));
  activity_ = x86::Activity::kRunning;
  return {};
}

Result<> InterruptInjector::inject_interrupt() {
  if (!environment_.interrupt_pending() || !can_take_interrupt()) return {};
  const auto vector = environment_.acknowledge_interrupt();
  if (!vector) return {};
  kvm_interrupt interrupt{*vector};
  ORRERY_CHECK(vcpu_.call(KVM_INTERRUPT, &interrupt, "inject an interrupt"));
  area_.ready_for_interrupt_injection = 0;
  activity_ = x86::Activity::kRunning;
  return {};
}

void InterruptInjector::take_task_priority() {
  if (area_.cr8 != environment_.task_priority()) environment_.set_task_priority(area_.cr8);
}

void InterruptInjector::read_msr() {
  const auto value = environment_.read_msr(area_.msr.index);
  area_.msr.error = value ? 0 : 1;
  area_.msr.data = value.value_or(0);
}

void InterruptInjector::write_msr() {
  area_.msr.error = environment_.write_msr(area_.msr.index, area_.msr.data) ? 0 : 1;
}

void InterruptInjector::state_was_set(const x86::CpuState& state) {
  activity_ = state.activity;
  // As KVM would tell after an exit in this state.
  const bool open = (state.rflags & x86::rflags::kInterrupt) != 0;
  area_.if_flag = open;
  area_.ready_for_interrupt_injection =
      open && !state.interrupt_shadow && state.pending_event.kind == x86::PendingKind::kNone;
}

}  // namespace orrery::hypervisor::kvm
