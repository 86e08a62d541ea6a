// A VM for the control socket's tests, whose pause waits until the test says that all stands.
#pragma once

#include <string>
#include <vector>

#include "vmm/control/target.hpp"

namespace orrery::testing {

class FakeControlTarget final : public vmm::control::Target {
 public:
  vmm::control::Status state{.paused = false,
                             .hypervisor = "soft",
                             .vcpus = 2,
                             .memory = Bytes(512_MiB),
                             .disks = {{"root.qcow2", false, 0}}};
  bool stands = true;
  std::vector<std::string> pressed;

  void let_stand() {
    stands = true;
    changed_.notify_all();
  }

  vmm::control::Status status() override { return state; }
  Task<Result<>> pause() override {
    state.paused = true;
    while (!stands) co_await changed_;
    co_return Result<>{};
  }
  Result<> resume() override {
    state.paused = false;
    return {};
  }
  Result<> power_off() override {
    if (state.paused) return fail("it is paused");
    return press("power");
  }
  Result<> reset() override { return press("reset"); }
  Result<> quit() override { return press("quit"); }

 private:
  Result<> press(const char* button) {
    pressed.emplace_back(button);
    return {};
  }
  Changed changed_;
};

}  // namespace orrery::testing
