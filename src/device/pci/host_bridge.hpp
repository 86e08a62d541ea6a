// The host bridge at 00:00.0: an Intel 440FX (82441FX PMC datasheet, 3.2) as far as software looks
// at it before it has firmware to shadow. The PAM and SMRAM registers hold what is written and
// change nothing: the machine decides where RAM and ROM are.
#pragma once

#include "device/pci/function.hpp"

namespace orrery::device::pci {

class HostBridge final : public Function {
 public:
  explicit HostBridge(Host& host);

  std::string_view name() const override { return "i440fx"; }
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width width) override;
  void write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) override;
};

}  // namespace orrery::device::pci
