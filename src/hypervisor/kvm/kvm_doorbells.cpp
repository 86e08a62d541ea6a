#include "hypervisor/kvm/kvm_doorbells.hpp"

#include <linux/kvm.h>

namespace orrery::hypervisor::kvm {

Result<> KvmDoorbells::call(GuestPhysical address, int descriptor, unsigned flags,
                            std::string_view doing) {
  kvm_ioeventfd request{};
  request.addr = address.value();
  request.len = 0;  // any width; KVM need not even decode the instruction
  request.fd = descriptor;
  request.flags = flags;
  ORRERY_CHECK(vm_.call(KVM_IOEVENTFD, &request, doing));
  return {};
}

Result<> KvmDoorbells::connect(GuestPhysical address, int descriptor) {
  return call(address, descriptor, 0, "connect a doorbell");
}

Result<> KvmDoorbells::disconnect(GuestPhysical address, int descriptor) {
  return call(address, descriptor, KVM_IOEVENTFD_FLAG_DEASSIGN, "disconnect a doorbell");
}

}  // namespace orrery::hypervisor::kvm
