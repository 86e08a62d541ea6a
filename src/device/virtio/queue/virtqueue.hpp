// A virtqueue as a device type uses it: its configuration by the driver, and, while it is live, the
// chains that go through it (virtio 1.2, 2.6).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "device/device.hpp"
#include "device/virtio/queue/ring.hpp"
#include "device/virtio/registers.hpp"

namespace orrery::device::virtio {

class Virtqueue {
 public:
  // LARGEST is the queue's size at reset: a power of two.
  explicit Virtqueue(std::uint16_t largest) : largest_(largest), setup_{.size = largest} {}

  std::uint16_t largest() const { return largest_; }
  QueueSetup& setup() { return setup_; }
  const QueueSetup& setup() const { return setup_; }
  bool enabled() const { return enabled_; }
  void enable() { enabled_ = true; }
  void reset();

  // Chains that come from elsewhere than from guest memory (remote/server/): start() then asks for
  // this ring, whatever the driver has set up. For the queue's whole life.
  using RingMaker = std::function<std::unique_ptr<Ring>(Host& host, const QueueSetup& setup)>;
  void use_ring(RingMaker maker) { maker_ = std::move(maker); }

  // From DRIVER_OK to reset: the ring in the format that was negotiated. False when the driver set
  // it up against the rules (a size that is not allowed, misaligned parts).
  [[nodiscard]] bool start(Host& host, Features features);
  bool live() const { return ring_ != nullptr; }

  // The chains of a live queue; see Ring. A queue that is not live yields none.
  Taken take(Chain& chain) { return ring_ ? ring_->take(chain) : Taken::kNone; }
  void put_back(const Chain& chain) { ring_->put_back(chain); }
  void give(const Chain& chain, std::uint32_t written) { ring_->give(chain, written); }
  bool publish() { return ring_->publish(); }
  void disable_notifications() { ring_->disable_notifications(); }
  bool enable_notifications() { return ring_->enable_notifications(); }
  std::string_view fault() const { return ring_ ? ring_->fault() : std::string_view(); }

  State save() const;
  // Into a queue that is reset; starts it when it was live. Throws as read_state() expects.
  void restore(Host& host, Features features, const State& state);

 private:
  std::uint16_t largest_;
  QueueSetup setup_;
  bool enabled_ = false;
  RingMaker maker_;
  std::unique_ptr<Ring> ring_;
};

}  // namespace orrery::device::virtio
