// Doorbells by KVM_IOEVENTFD.
#pragma once

#include "hypervisor/doorbells.hpp"
#include "hypervisor/kvm/kvm_file.hpp"

namespace orrery::hypervisor::kvm {

class KvmDoorbells : public Doorbells {
 public:
  // VM outlives them.
  explicit KvmDoorbells(const KvmFile& vm) : vm_(vm) {}

  Result<> connect(GuestPhysical address, int descriptor) override;
  Result<> disconnect(GuestPhysical address, int descriptor) override;

 private:
  Result<> call(GuestPhysical address, int descriptor, unsigned flags, std::string_view doing);

  const KvmFile& vm_;
};

}  // namespace orrery::hypervisor::kvm
