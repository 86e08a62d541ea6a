// A vCPU's surroundings without devices and interrupts: tests override what they need.
#pragma once

#include <optional>

#include "hypervisor/environment.hpp"

namespace orrery::testing {

class QuietEnvironment : public hypervisor::Environment {
 public:
  std::uint64_t port_read(std::uint16_t, Width width) override { return mask_of(width); }
  void port_write(std::uint16_t, Width, std::uint64_t) override {}
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return 0; }
  void set_task_priority(std::uint64_t) override {}
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return ++time_stamp_; }

 private:
  std::uint64_t time_stamp_ = 0;
};

}  // namespace orrery::testing
