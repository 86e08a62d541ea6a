// device::Host of a device model whose requests come in packets: its memory is what they brought,
// and its transport, with all interrupts, is in the VMM.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/loop/event_loop.hpp"
#include "device/host.hpp"
#include "remote/server/request_memory.hpp"

namespace orrery::remote {

class ModelHost final : public device::Host {
 public:
  explicit ModelHost(EventLoop& loop) : loop_(loop) {}

  RequestMemory& memory() { return memory_; }

  // The transport's business.
  void set_line(unsigned /*line*/, bool /*asserted*/) override {}
  void send_msi(std::uint64_t /*address*/, std::uint32_t /*data*/) override {}
  void request_power(device::PowerRequest /*request*/) override {}

  bool dma_read(GuestPhysical address, MutableByteSpan destination) override {
    const auto bytes = memory_.find(address, destination.size());
    if (bytes) std::memcpy(destination.data(), bytes->data(), bytes->size());
    return bytes.has_value();
  }
  bool dma_write(GuestPhysical address, ByteSpan source) override {
    const auto bytes = memory_.find(address, source.size());
    if (!bytes) return false;
    std::memcpy(bytes->data(), source.data(), source.size());
    memory_.note_filled(address, source.size());
    return true;
  }
  std::optional<device::DmaSpan> dma_map(GuestPhysical address, std::uint64_t size,
                                         device::DmaDirection direction) override {
    const auto bytes = memory_.find(address, size);
    if (!bytes) return std::nullopt;
    return device::DmaSpan{address, *bytes, direction};
  }
  void dma_unmap(const device::DmaSpan& span) override {
    if (span.direction == device::DmaDirection::kToGuest) {
      memory_.note_filled(span.address, span.bytes.size());
    }
  }

  Ticks now() override;
  std::unique_ptr<device::Timer> create_timer(std::function<void()> ring) override;
  void post(std::function<void()> work) override {
    loop_.post([this, alive = std::weak_ptr(alive_), work = std::move(work)] {
      if (alive.expired()) return;
      const std::lock_guard lock(lock_);
      work();
    });
  }
  std::mutex& device_lock() override { return lock_; }

 private:
  EventLoop& loop_;
  RequestMemory memory_;
  std::mutex lock_;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace orrery::remote
