// What the two ring formats have in common: where a queue lies, and how the format takes chains
// from it and gives them back. SplitRing and PackedRing implement it; Virtqueue (virtqueue.hpp) is
// what devices use.
//
// A ring only ever copies through its Host, so that it works the same where guest memory is far
// away. Guest processors work on the ring at the same time: loads and stores are ordered with
// fences, each of which says what it pairs with on the driver's side.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "device/device.hpp"
#include "device/host.hpp"
#include "device/virtio/queue/chain.hpp"
#include "device/virtio/queue/layout.hpp"

namespace orrery::device::virtio {

// As the driver set the queue up (virtio 1.2, 4.1.4.3).
struct QueueSetup {
  std::uint16_t size = 0;
  GuestPhysical descriptors{};  // queue_desc: descriptor table; packed: the ring
  GuestPhysical driver{};       // queue_driver: available ring; packed: driver event suppression
  GuestPhysical device{};       // queue_device: used ring; packed: device event suppression
  bool indirect = false;        // VIRTIO_F_INDIRECT_DESC was negotiated
  bool event_index = false;     // VIRTIO_F_EVENT_IDX was negotiated
};

enum class Taken : std::uint8_t {
  kChain,   // a chain was taken
  kNone,    // the driver has made no more available
  kBroken,  // the driver broke the rules: the device must ask for a reset
  kLater,   // a device's answer: it cannot take one now, and goes on by itself
};

class Ring {
 public:
  virtual ~Ring() = default;

  virtual Taken take(Chain& chain) = 0;
  // Undoes the last take().
  virtual void put_back(const Chain& chain) = 0;
  // Gives a chain back with WRITTEN bytes filled; seen by the driver at publish() at the latest.
  virtual void give(const Chain& chain, std::uint32_t written) = 0;
  // Shows given chains to the driver; whether it wants an interrupt for those since the last call.
  virtual bool publish() = 0;

  // Asks the driver not to notify, or to notify when it makes the next chain available. The latter
  // tells whether one became available in between.
  virtual void disable_notifications() = 0;
  virtual bool enable_notifications() = 0;

  virtual State save() const = 0;
  virtual void restore(const State& state) = 0;  // throws as read_state() expects

  // Why take() or another call found the queue broken; empty while it is sound.
  std::string_view fault() const { return fault_; }

 protected:
  Ring(Host& host, const QueueSetup& setup) : host_(host), setup_(setup) {}

  template <typename T>
  T load(GuestPhysical address) {
    T value{};
    if (!host_.dma_read(address, std::as_writable_bytes(std::span(&value, 1)))) {
      break_queue("a part of the ring is not in RAM");
    }
    return value;
  }
  template <typename T>
  void store(GuestPhysical address, const T& value) {
    if (!host_.dma_write(address, as_bytes(&value, sizeof value))) {
      break_queue("a part of the ring is not in RAM");
    }
  }

  Taken break_queue(std::string_view why) {
    if (fault_.empty()) fault_ = why;
    return Taken::kBroken;
  }
  bool broken() const { return !fault_.empty(); }

  // Adds one buffer descriptor to a chain, with the checks that both formats share.
  bool add_buffer(Chain& chain, std::uint64_t address, std::uint32_t length, std::uint16_t flags);
  // Whether LENGTH can be an indirect table's (2.7.5.3); says why not in fault().
  bool check_indirect(std::uint32_t length);
  unsigned indirect_limit() const;

  const QueueSetup& setup() const { return setup_; }
  unsigned size() const { return setup_.size; }

  // vring_need_event of 2.7.7.2 and 2.8.10: whether EVENT lies among the entries OLD to NOW - 1.
  static bool passed_event(std::uint16_t event, std::uint16_t now, std::uint16_t old) {
    return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - old);
  }

  Host& host_;

 private:
  QueueSetup setup_;
  std::string_view fault_;
};

}  // namespace orrery::device::virtio
