// Executes tests on the host's own processor, in this process: the reference that every test and
// every engine is checked against. Linux on x86-64 only.
//
// Code, data and the registers' page are mapped at the sandbox's addresses. A test jumps back
// through the exit page; an exception arrives as a signal, whose handler notes the registers and
// continues after the test. No system call is made on the way in or out.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "isa/executor.hpp"

namespace orrery::isa::host {

// Whether the kernel here has a segment for 32-bit code (CONFIG_IA32_EMULATION, and not switched
// off).
bool has_32bit_code();

class HostExecutor final : public Executor {
 public:
  // At most one exists: it owns the sandbox's addresses and the signal handlers.
  static Result<std::unique_ptr<HostExecutor>> create();
  ~HostExecutor() override;

  std::string_view name() const override { return "host"; }
  bool supports(Mode mode) const override {
    return mode == Mode::kUser64 || (mode == Mode::kUser32 && has_32bit_code());
  }
  void load_code(std::uint64_t offset, std::span<const std::byte> code) override;
  std::span<std::byte> data() override;
  Outcome run(Mode mode, const Snapshot& start) override;

 private:
  HostExecutor() = default;
};

}  // namespace orrery::isa::host
