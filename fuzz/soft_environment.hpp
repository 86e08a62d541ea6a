// Surroundings of the guests of soft_engine.cpp and soft_translate.cpp: answers that follow from
// the input. Derived classes say what happens when a vCPU looks up.
#pragma once

#include <cstdint>
#include <optional>

#include "base/width.hpp"
#include "hypervisor/environment.hpp"

namespace orrery::fuzz {

class AnsweringEnvironment : public hypervisor::Environment {
 public:
  std::uint64_t port_read(std::uint16_t, Width width) override { return next() & mask_of(width); }
  void port_write(std::uint16_t, Width, std::uint64_t) override {}
  std::uint64_t memory_read(GuestPhysical, Width width) override { return next() & mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  std::uint64_t task_priority() override { return next() & 0xf; }
  void set_task_priority(std::uint64_t) override {}
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return next(); }
  bool write_msr(std::uint32_t, std::uint64_t) override { return (next() & 1) != 0; }
  std::uint64_t time_stamp() override { return next(); }

 protected:
  void reseed(std::uint64_t seed) { state_ = seed; }

  // Halves swapped, because the lower bits of a linear congruence repeat too soon.
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ << 32 | state_ >> 32;
  }

 private:
  std::uint64_t state_ = 1;
};

}  // namespace orrery::fuzz
