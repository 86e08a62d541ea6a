#include "hypervisor/kvm/kvm_cpuid.hpp"

#include <memory>
#include <span>

#include "hypervisor/kvm/variable_length.hpp"

namespace orrery::hypervisor::kvm {
namespace {

constexpr std::uint32_t kMostEntries = 256;             // hosts report some 50 to 100
constexpr std::uint32_t kHypervisorPresent = 1u << 31;  // leaf 1, ECX

using CpuidBuffer = VariableLength<kvm_cpuid_entry2, kMostEntries>;

bool is_paravirtual(std::uint32_t leaf) {
  return (leaf & 0xffff'0000) == 0x4000'0000;
}

}  // namespace

Result<x86::CpuidTable> supported_cpuid_of(const KvmFile& kvm) {
  const auto buffer = std::make_unique<CpuidBuffer>();
  buffer->header.count = kMostEntries;
  ORRERY_CHECK(kvm.call(kGetSupportedCpuid, buffer.get(), "tell its CPUID"));
  x86::CpuidTable table;
  for (const kvm_cpuid_entry2& entry : std::span(buffer->entries).first(buffer->header.count)) {
    if (is_paravirtual(entry.function)) continue;
    x86::CpuidEntry converted{entry.function,
                              entry.index,
                              (entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
                              {entry.eax, entry.ebx, entry.ecx, entry.edx}};
    if (entry.function == 1) converted.registers.ecx &= ~kHypervisorPresent;
    table.set(converted);
  }
  return table;
}

Result<> set_cpuid_of(const KvmFile& vcpu, const x86::CpuidTable& table) {
  if (table.entries().size() > kMostEntries)
    return fail("a CPUID table for KVM has at most 256 entries");
  const auto buffer = std::make_unique<CpuidBuffer>();
  for (const x86::CpuidEntry& entry : table.entries()) {
    kvm_cpuid_entry2& out = buffer->entries[buffer->header.count++];
    out.function = entry.leaf;
    out.index = entry.subleaf;
    out.flags = entry.subleaf_matters ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0u;
    out.eax = entry.registers.eax;
    out.ebx = entry.registers.ebx;
    out.ecx = entry.registers.ecx;
    out.edx = entry.registers.edx;
  }
  ORRERY_CHECK(vcpu.call(kSetCpuid2, buffer.get(), "set a vCPU's CPUID"));
  return {};
}

}  // namespace orrery::hypervisor::kvm
