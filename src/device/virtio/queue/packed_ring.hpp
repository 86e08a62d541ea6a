// The packed virtqueue (virtio 1.2, 2.8): one ring that both sides write, told apart by wrap
// counters.
#pragma once

#include <cstdint>

#include "device/virtio/queue/ring.hpp"

namespace orrery::device::virtio {

class PackedRing final : public Ring {
 public:
  PackedRing(Host& host, const QueueSetup& setup) : Ring(host, setup) {}

  Taken take(Chain& chain) override;
  void put_back(const Chain& chain) override;
  void give(const Chain& chain, std::uint32_t written) override;
  bool publish() override;
  void disable_notifications() override;
  bool enable_notifications() override;
  State save() const override;
  void restore(const State& state) override;

 private:
  // A place in the ring, with the wrap counter that belongs to it.
  struct Place {
    std::uint16_t index = 0;
    bool wrap = true;

    void advance(unsigned count, unsigned size);
    void retreat(unsigned count, unsigned size);
    std::uint16_t encoded() const {
      return static_cast<std::uint16_t>(index | (wrap ? kPackedWrap : 0));
    }
  };

  GuestPhysical descriptor(std::uint16_t index) const {
    return setup().descriptors + index * std::uint64_t{16};
  }
  bool available_at(const Place& place);
  bool walk(Chain& chain);
  bool walk_indirect(Chain& chain, const PackedDescriptor& table);
  static Place place_from(const State& state);

  Place next_available_;  // first descriptor not yet taken
  Place next_used_;       // where the next given chain goes
  Place published_;       // next_used_ at the last publish()
};

}  // namespace orrery::device::virtio
