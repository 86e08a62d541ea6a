// A device with registers on this server: the class that runs in a VMM, with accesses in packets
// where that has a bus. On the loop's thread.
//
// After every access, and whenever a timer or a port has changed it, the VM is told what the
// device's state is; so it goes on at another server from there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/loop/event_loop.hpp"
#include "device/device.hpp"
#include "remote/server/hosted.hpp"
#include "remote/server/register_host.hpp"

namespace orrery::remote {

// Makes the device, plugged into HOST, which outlives it.
using MakeDevice = std::function<std::unique_ptr<device::Device>(device::Host& host)>;

class HostedDevice final : public Hosted {
 public:
  // REGISTERS: what VMs are told of the device. It has 64 lines at most.
  HostedDevice(EventLoop& loop, DeviceId id, std::string name, const MakeDevice& make,
               RegisterInterface registers);
  ~HostedDevice() override;

  Result<Description> open(ServerLink& link) override;
  void close() override;
  bool is_free() const override { return link_ == nullptr; }

  using Hosted::take;
  void take(const Command& command) override;
  void take(const IoRequest& request, std::uint32_t packet_bytes) override;

 private:
  Result<> carry_out(const Command& command);
  Result<> restore(ByteSpan settings);
  void save(std::uint64_t tag);
  void begin_anew();
  void begin();
  void entered();
  std::vector<std::uint8_t> settings() const;
  void tell_settings(std::uint64_t tag, bool changed_only);
  void tell_line(unsigned line, bool asserted);
  void tell_power(device::PowerRequest request);

  EventLoop& loop_;
  const RegisterInterface registers_;
  RegisterHost host_;
  std::unique_ptr<device::Device> device_;
  device::State initial_;           // as at power-up
  std::vector<std::uint8_t> told_;  // the settings that the VM has
  std::uint64_t last_tag_ = 0;      // of what the VM has had done
  bool begun_ = false;              // the VM knows lines and settings
  bool unanswered_ = false;         // a posted write, of which the VM does not know
  bool look_posted_ = false;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace orrery::remote
