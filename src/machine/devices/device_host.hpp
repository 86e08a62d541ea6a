// device::Host bound to this machine: one per device, with the device's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "device/host.hpp"
#include "hypervisor/doorbells.hpp"
#include "machine/time/timers.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine {

// What all device hosts of a machine share.
struct HostServices {
  memory::GuestMemory& memory;
  MachineClock& clock;
  Timers& timers;
  EventLoop& loop;
  std::function<void(std::uint64_t address, std::uint32_t data)> send_msi;
  std::function<void(device::PowerRequest)> request_power;
  hypervisor::Doorbells* doorbells = nullptr;  // nullptr: the hypervisor has none
};

class DeviceHost : public device::Host {
 public:
  // What happens when the device changes the level of LINE; called for changes only.
  using LineSink = std::function<void(unsigned line, bool asserted)>;

  // SERVICES outlive the host. LOCK: another lock than an own one.
  explicit DeviceHost(HostServices& services, LineSink line_sink = {}, std::mutex* lock = nullptr)
      : services_(services), line_sink_(std::move(line_sink)), lock_(lock ? *lock : own_lock_) {}

  void set_line(unsigned line, bool asserted) override;
  void send_msi(std::uint64_t address, std::uint32_t data) override {
    services_.send_msi(address, data);
  }
  bool dma_read(GuestPhysical address, MutableByteSpan destination) override;
  bool dma_write(GuestPhysical address, ByteSpan source) override;
  std::optional<device::DmaSpan> dma_map(GuestPhysical address, std::uint64_t size,
                                         device::DmaDirection direction) override;
  void dma_unmap(const device::DmaSpan& span) override;
  Ticks now() override { return services_.clock.now(); }
  std::unique_ptr<device::Timer> create_timer(std::function<void()> ring) override {
    return services_.timers.create(lock_, std::move(ring));
  }
  void post(std::function<void()> work) override;
  void allow_posted_write(unsigned region, std::uint64_t offset,
                          std::function<void()> work) override {
    posted_writes_.push_back({region, offset, std::move(work)});
  }
  void request_power(device::PowerRequest request) override { services_.request_power(request); }
  std::mutex& device_lock() override { return lock_; }

  // What the device has allowed; whoever knows where its regions lie makes use of it.
  struct PostedWrite {
    unsigned region = 0;
    std::uint64_t offset = 0;
    std::function<void()> work;
  };
  const std::vector<PostedWrite>& posted_writes() const { return posted_writes_; }

 private:
  HostServices& services_;
  LineSink line_sink_;
  std::vector<PostedWrite> posted_writes_;
  std::uint64_t levels_ = 0;  // of lines 0 to 63; guarded by the device's lock
  std::mutex own_lock_;
  std::mutex& lock_;
  // Work that was posted is dropped once its device's host is gone.
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace orrery::machine
