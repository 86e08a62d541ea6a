// What all device models of a server are plugged into: its loop and its clock. One lock for each.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/loop/event_loop.hpp"
#include "device/host.hpp"

namespace orrery::remote {

class LoopHost : public device::Host {
 public:
  // The loop outlives it.
  explicit LoopHost(EventLoop& loop);

  void send_msi(std::uint64_t /*address*/, std::uint32_t /*data*/) override {}

  // Nanoseconds since 1970 (UTC) by the platform's clock as it was at the start, without the steps
  // that are made in it since: so a model that goes on at another server finds nearly the same time
  // there.
  Ticks now() override;
  std::unique_ptr<device::Timer> create_timer(std::function<void()> ring) override;
  void post(std::function<void()> work) override;
  std::mutex& device_lock() override { return lock_; }

 private:
  EventLoop& loop_;
  const Ticks epoch_;  // now() where the steady clock shows 0
  std::mutex lock_;
  std::shared_ptr<void> alive_ = std::make_shared<char>();
};

}  // namespace orrery::remote
