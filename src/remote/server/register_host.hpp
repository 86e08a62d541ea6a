// device::Host of a device with registers, on a server: what it does to its interrupt outputs goes
// to the VM. It has no guest memory: none of the devices with registers here uses any.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "remote/server/loop_host.hpp"

namespace orrery::remote {

class RegisterHost final : public LoopHost {
 public:
  struct Signals {
    std::function<void(unsigned line, bool asserted)> line;
    std::function<void(device::PowerRequest request)> power;
    // Something enters the device and may change it.
    std::function<void()> entered;
  };
  RegisterHost(EventLoop& loop, Signals signals) : LoopHost(loop), signals_(std::move(signals)) {}

  void set_line(unsigned line, bool asserted) override {
    if (line >= levels_.size() || std::exchange(levels_[line], asserted) == asserted) return;
    signals_.line(line, asserted);
  }
  bool level(unsigned line) const { return levels_[line]; }

  bool dma_read(GuestPhysical /*address*/, MutableByteSpan /*destination*/) override {
    return false;
  }
  bool dma_write(GuestPhysical /*address*/, ByteSpan /*source*/) override { return false; }
  std::optional<device::DmaSpan> dma_map(GuestPhysical /*address*/, std::uint64_t /*size*/,
                                         device::DmaDirection /*direction*/) override {
    return std::nullopt;
  }
  void dma_unmap(const device::DmaSpan& /*span*/) override {}
  void request_power(device::PowerRequest request) override { signals_.power(request); }

  // Timers, posted work and ports enter by it.
  std::mutex& device_lock() override {
    signals_.entered();
    return LoopHost::device_lock();
  }

  static constexpr unsigned kLines = 64;

 private:
  const Signals signals_;
  std::array<bool, kLines> levels_{};
};

}  // namespace orrery::remote
