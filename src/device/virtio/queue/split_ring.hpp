// The split virtqueue (virtio 1.2, 2.7): descriptor table, available ring, used ring.
#pragma once

#include <cstdint>

#include "device/virtio/queue/ring.hpp"

namespace orrery::device::virtio {

class SplitRing final : public Ring {
 public:
  SplitRing(Host& host, const QueueSetup& setup) : Ring(host, setup) {}

  Taken take(Chain& chain) override;
  void put_back(const Chain& chain) override;
  void give(const Chain& chain, std::uint32_t written) override;
  bool publish() override;
  void disable_notifications() override;
  bool enable_notifications() override;
  State save() const override;
  void restore(const State& state) override;

 private:
  bool refresh_available();
  bool walk(Chain& chain, std::uint16_t head);
  bool walk_indirect(Chain& chain, const SplitDescriptor& table);
  bool wants_interrupt();
  void set_no_notify(bool suppressed);

  GuestPhysical available(unsigned offset) const { return setup().driver + offset; }
  GuestPhysical used(unsigned offset) const { return setup().device + offset; }

  std::uint16_t available_index_ = 0;  // the driver's idx as last read
  std::uint16_t next_available_ = 0;   // first entry not yet taken
  std::uint16_t next_used_ = 0;        // where the next given chain goes
  std::uint16_t published_ = 0;        // our idx as the driver sees it
};

}  // namespace orrery::device::virtio
