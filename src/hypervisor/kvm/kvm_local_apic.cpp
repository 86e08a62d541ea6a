// A vCPU's in-kernel local APIC as it is saved.
#include <linux/kvm.h>

#include "base/bytes.hpp"
#include "hypervisor/kvm/kvm_vcpu.hpp"
#include "hypervisor/kvm/variable_length.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr std::size_t kRegisterDistance = 16;
constexpr std::uint32_t kTimeStamp = 0x10;
constexpr std::uint32_t kTscDeadline = 0x6e0;

using Msr = VariableLength<kvm_msr_entry, 1>;

Msr msr_of(std::uint32_t index, std::uint64_t value = 0) {
  Msr msr;
  msr.header.count = 1;
  msr.entries[0].index = index;
  msr.entries[0].data = value;
  return msr;
}

// 0 where the processor has no such MSR.
Result<std::uint64_t> read_msr(const KvmFile& vcpu, std::uint32_t index) {
  Msr msr = msr_of(index);
  ORRERY_TRY(const int read, vcpu.call(kGetMsrs, &msr, "read the local APIC's MSRs"));
  return read == 1 ? msr.entries[0].data : 0;
}

Result<> write_msr(const KvmFile& vcpu, std::uint32_t index, std::uint64_t value) {
  Msr msr = msr_of(index, value);
  ORRERY_CHECK(vcpu.call(kSetMsrs, &msr, "write the local APIC's MSRs"));
  return {};
}

Result<> set_base(const KvmFile& vcpu, std::uint64_t base) {
  kvm_sregs sregs{};
  ORRERY_CHECK(vcpu.call(KVM_GET_SREGS, &sregs, "read system registers"));
  sregs.apic_base = base;
  ORRERY_CHECK(vcpu.call(KVM_SET_SREGS, &sregs, "place the local APIC"));
  return {};
}

}  // namespace

Result<LocalApicState> KvmVcpu::local_apic() const {
  LocalApicState state;
  kvm_sregs sregs{};
  ORRERY_CHECK(file_.call(KVM_GET_SREGS, &sregs, "read system registers"));
  state.base = sregs.apic_base;
  kvm_lapic_state page{};
  ORRERY_CHECK(file_.call(KVM_GET_LAPIC, &page, "read the local APIC"));
  const auto* bytes = reinterpret_cast<const std::byte*>(page.regs);
  for (std::size_t n = 0; n < state.registers.size(); ++n) {
    state.registers[n] = load_le<std::uint32_t>(bytes + n * kRegisterDistance);
  }
  ORRERY_TRY(state.tsc_deadline, read_msr(file_, kTscDeadline));
  ORRERY_TRY(state.time_stamp, read_msr(file_, kTimeStamp));
  return state;
}

// The base first, as it says in which mode the registers are; the deadline after the counter.
Result<> KvmVcpu::set_local_apic(const LocalApicState& state) {
  ORRERY_CHECK(set_base(file_, state.base));
  kvm_lapic_state page{};
  auto* bytes = reinterpret_cast<std::byte*>(page.regs);
  for (std::size_t n = 0; n < state.registers.size(); ++n) {
    store_le(bytes + n * kRegisterDistance, state.registers[n]);
  }
  ORRERY_CHECK(file_.call(KVM_SET_LAPIC, &page, "write the local APIC"));
  if (state.time_stamp) ORRERY_CHECK(write_msr(file_, kTimeStamp, *state.time_stamp));
  if (state.tsc_deadline != 0) ORRERY_CHECK(write_msr(file_, kTscDeadline, state.tsc_deadline));
  return {};
}

}  // namespace orrery::hypervisor::kvm
