// Who is who between platforms (MISSION.md, "Terms"). Identifiers are given by the control panel
// or, where there is none, by whoever makes the thing; 0 stands for "not known".
#pragma once

#include <cstdint>

#include "base/types.hpp"

namespace orrery::remote {

// A host: one that runs VMs (a client platform) or device models (a server platform).
using PlatformId = StrongInteger<struct PlatformIdTag>;
using HypervisorId = StrongInteger<struct HypervisorIdTag>;
// A device model on a server platform.
using DeviceId = StrongInteger<struct DeviceIdTag>;

enum class HypervisorKind : std::uint8_t { kKvm = 1, kOrrery = 2 };

// Where a question of a VM goes.
struct ToDevice {
  DeviceId device{};
  PlatformId server{};
  VmId vm{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.device, self.server, self.vm);
  }
  friend bool operator==(const ToDevice&, const ToDevice&) = default;
};

// Where what a device model says goes.
struct ToVm {
  VmId vm{};
  PlatformId client{};
  HypervisorId hypervisor{};
  HypervisorKind kind = HypervisorKind::kOrrery;

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.vm, self.client, self.hypervisor, self.kind);
  }
  bool valid() const { return kind == HypervisorKind::kKvm || kind == HypervisorKind::kOrrery; }
  friend bool operator==(const ToVm&, const ToVm&) = default;
};

}  // namespace orrery::remote
