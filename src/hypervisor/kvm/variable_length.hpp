// KVM's structures of variable length, and the ioctls that take them.
//
// Linux declares them with flexible arrays through a macro that gives them another size and layout
// in C++ than in C, so that the ioctl numbers made from their sizes come out wrong. Here they are
// as the kernel has them: a header of two 32-bit words, then the entries (Linux,
// include/uapi/asm/kvm.h, struct kvm_cpuid2, kvm_msrs and kvm_irq_routing).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <linux/kvm.h>

namespace orrery::hypervisor::kvm {

struct VariableLengthHeader {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
};
static_assert(sizeof(VariableLengthHeader) == 8);

template <typename Entry, std::size_t kMost>
struct VariableLength {
  VariableLengthHeader header;
  std::array<Entry, kMost> entries{};
};
static_assert(sizeof(VariableLength<kvm_msr_entry, 1>) == 8 + sizeof(kvm_msr_entry));

inline constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, VariableLengthHeader);
inline constexpr unsigned long kSetCpuid2 = _IOW(KVMIO, 0x90, VariableLengthHeader);
inline constexpr unsigned long kGetMsrs = _IOWR(KVMIO, 0x88, VariableLengthHeader);
inline constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, VariableLengthHeader);

inline constexpr unsigned long kSetGsiRouting = _IOW(KVMIO, 0x6a, VariableLengthHeader);

// struct kvm_xsave without the optional rest, which only states beyond 4 KiB (AMX) need.
struct XsaveArea {
  std::array<std::byte, 4096> bytes{};
};
inline constexpr unsigned long kGetXsave = _IOR(KVMIO, 0xa4, XsaveArea);
inline constexpr unsigned long kSetXsave = _IOW(KVMIO, 0xa5, XsaveArea);

}  // namespace orrery::hypervisor::kvm
