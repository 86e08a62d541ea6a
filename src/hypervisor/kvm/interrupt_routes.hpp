// KVM's table of interrupt routes (KVM_SET_GSI_ROUTING): where each global system interrupt goes.
#pragma once

#include <cstdint>
#include <map>

#include <linux/kvm.h>

#include "base/error.hpp"
#include "base/guarded.hpp"
#include "hypervisor/kvm/kvm_file.hpp"

namespace orrery::hypervisor::kvm {

// Any thread.
class InterruptRoutes {
 public:
  // VM outlives the routes.
  explicit InterruptRoutes(const KvmFile& vm) : vm_(vm) {}

  // The wiring of a PC's lines, without messages.
  Result<> set_up();

  // A number beyond the lines, for an interrupt by message.
  Result<std::uint32_t> allocate();
  Result<> set_message(std::uint32_t gsi, std::uint64_t address, std::uint32_t data);
  void release(std::uint32_t gsi);

 private:
  struct Message {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
    bool set = false;
  };
  using Messages = std::map<std::uint32_t, Message>;

  Result<> commit(const Messages& messages);

  const KvmFile& vm_;
  Guarded<Messages> messages_;  // by global system interrupt
};

}  // namespace orrery::hypervisor::kvm
