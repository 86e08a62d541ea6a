#include "hypervisor/kvm/kvm_debugger.hpp"

#include <utility>

#include "base/format.hpp"
#include "x86/control_registers.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr unsigned kRegisters = 4;
constexpr unsigned kControl = 7;  // DR7

// The fields R/W and LEN of DR7 (SDM vol. 3B, 17.2.4).
enum class Condition : std::uint8_t { kExecute = 0, kWrite = 1, kReadOrWrite = 3 };

Result<std::uint64_t> length_field(const Watchpoint& watchpoint) {
  const bool aligned = watchpoint.address.value() % watchpoint.length == 0;
  if (aligned) {
    switch (watchpoint.length) {
      case 1: return 0;
      case 2: return 1;
      case 4: return 3;
      case 8: return 2;
      default: break;
    }
  }
  return fail(
      format("KVM watches 1, 2, 4 or 8 aligned bytes, not {} at {:#x}; watch less, or use --engine "
             "interpret",
             watchpoint.length, watchpoint.address.value()));
}

class DebugRegisters {
 public:
  explicit DebugRegisters(kvm_guest_debug_arch& arch) : arch_(arch) {}

  Result<> add(GuestLinear address, Condition condition, std::uint64_t length) {
    if (used_ == kRegisters) {
      return fail(
          "KVM has four breakpoints and watchpoints in all; delete one, or use --engine interpret");
    }
    arch_.debugreg[used_] = address.value();
    const std::uint64_t fields = static_cast<std::uint64_t>(condition) | length << 2;
    arch_.debugreg[kControl] |= 2u << (2 * used_) | fields << (16 + 4 * used_);  // G and R/W, LEN
    ++used_;
    return {};
  }

 private:
  kvm_guest_debug_arch& arch_;
  unsigned used_ = 0;
};

}  // namespace

Result<> KvmDebugger::set(const KvmFile& vcpu, const DebugRequest& request) {
  kvm_guest_debug control{};
  DebugRegisters registers(control.arch);
  control.arch.debugreg[kControl] = x86::dr7::kReset;
  for (const GuestLinear address : request.breakpoints) {
    ORRERY_CHECK(registers.add(address, Condition::kExecute, 0));
  }
  for (const Watchpoint& watchpoint : request.watchpoints) {
    ORRERY_TRY(const std::uint64_t length, length_field(watchpoint));
    const bool writes_only = watchpoint.kind == WatchKind::kWrite;
    ORRERY_CHECK(registers.add(watchpoint.address,
                               writes_only ? Condition::kWrite : Condition::kReadOrWrite, length));
  }
  if (!request.empty()) control.control = KVM_GUESTDBG_ENABLE;
  if (request.step) control.control |= KVM_GUESTDBG_SINGLESTEP;
  if (!request.breakpoints.empty() || !request.watchpoints.empty()) {
    control.control |= KVM_GUESTDBG_USE_HW_BP;
  }
  ORRERY_CHECK(apply(vcpu, control));
  control_ = control;
  passing_ = false;
  breakpoints_ = (std::uint64_t{1} << request.breakpoints.size()) - 1;
  return {};
}

// Kernels before 5.16 cannot keep interrupts away from a step.
Result<> KvmDebugger::apply(const KvmFile& vcpu, kvm_guest_debug control) const {
  if ((control.control & KVM_GUESTDBG_SINGLESTEP) != 0) {
    kvm_guest_debug undisturbed = control;
    undisturbed.control |= KVM_GUESTDBG_BLOCKIRQ;
    if (vcpu.call(KVM_SET_GUEST_DEBUG, &undisturbed, "step undisturbed")) return {};
  }
  ORRERY_CHECK(vcpu.call(KVM_SET_GUEST_DEBUG, &control, "set breakpoints"));
  return {};
}

Result<> KvmDebugger::begin(const KvmFile& vcpu) {
  const std::optional<std::uint64_t> reported = std::exchange(reported_, std::nullopt);
  if (!reported) return {};
  kvm_regs regs{};
  ORRERY_CHECK(vcpu.call(KVM_GET_REGS, &regs, "read registers"));
  if (regs.rip != *reported) return {};
  passing_ = true;
  kvm_guest_debug step{};
  step.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
  return apply(vcpu, step);
}

Result<std::optional<DebugTrap>> KvmDebugger::trap(const KvmFile& vcpu,
                                                   const kvm_debug_exit_arch& exit) {
  using Cause = DebugTrap::Cause;
  if (std::exchange(passing_, false)) {
    ORRERY_CHECK(apply(vcpu, control_));
    if ((control_.control & KVM_GUESTDBG_SINGLESTEP) == 0) return std::nullopt;
    return DebugTrap{Cause::kStep, GuestLinear(exit.pc)};
  }
  for (unsigned n = 0; n < kRegisters; ++n) {
    const std::uint64_t bit = std::uint64_t{1} << n;
    if ((exit.dr6 & bit) == 0) continue;
    if ((breakpoints_ & bit) == 0) {
      return DebugTrap{Cause::kWatchpoint, GuestLinear(control_.arch.debugreg[n])};
    }
    reported_ = exit.pc;
    return DebugTrap{Cause::kBreakpoint, GuestLinear(exit.pc)};
  }
  return DebugTrap{Cause::kStep, GuestLinear(exit.pc)};
}

}  // namespace orrery::hypervisor::kvm
