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
                             .disks = {{"/vm/root.qcow2", Bytes(1_GiB), false, 0}},
                             .models = {{"disk0", "disk", ""}}};
  bool stands = true;
  std::vector<std::string> pressed;

  void let_stand() {
    stands = true;
    changed_.notify_all();
  }

  vmm::control::Status status() override { return state; }
  vmm::control::Figures figures() override {
    return {.taken = std::chrono::seconds(5),
            .processor = std::chrono::seconds(2),
            .resident = Bytes(64_MiB),
            .devices = {{"disk0", {.in = 3, .in_bytes = 12288, .out = 1, .out_bytes = 512}}}};
  }
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
  Task<Result<>> move_device(std::string name, std::string server) override {
    if (name == "nothing") co_return fail("there is no such device");
    co_return press((name + " to " + server).c_str());
  }
  Task<Result<std::unique_ptr<vmm::control::SnapshotUnderWay>>> begin_snapshot(
      vmm::control::SnapshotRequest request) override {
    if (snapshots_under_way != 0) co_return fail("one at a time");
    requested = std::move(request);
    co_return std::make_unique<UnderWay>(*this);
  }

  vmm::control::SnapshotRequest requested;
  int snapshots_under_way = 0;

 private:
  class UnderWay final : public vmm::control::SnapshotUnderWay {
   public:
    explicit UnderWay(FakeControlTarget& target) : target_(target) {
      ++target_.snapshots_under_way;
    }
    ~UnderWay() override { --target_.snapshots_under_way; }
    snapshot::Manifest manifest() const override {
      snapshot::Manifest manifest;
      manifest.hypervisor = "soft";
      manifest.regions = {{GuestPhysical(0), Bytes(8_MiB)}};
      return manifest;
    }
    Task<Result<vmm::control::SnapshotReport>> finish() override {
      co_return vmm::control::SnapshotReport{std::chrono::milliseconds(3), 7};
    }

   private:
    FakeControlTarget& target_;
  };

  Result<> press(const char* button) {
    pressed.emplace_back(button);
    return {};
  }
  Changed changed_;
};

}  // namespace orrery::testing
