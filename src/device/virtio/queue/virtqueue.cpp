#include "device/virtio/queue/virtqueue.hpp"

#include <bit>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "device/virtio/queue/packed_ring.hpp"
#include "device/virtio/queue/split_ring.hpp"

namespace orrery::device::virtio {
namespace {

// Alignment of a queue's parts (2.7 table 2.7, 2.8.10.1).
struct Alignment {
  std::uint64_t descriptors, driver, device;
};
constexpr Alignment kSplitAlignment{16, 2, 4};
constexpr Alignment kPackedAlignment{16, 4, 4};

bool aligned(const QueueSetup& setup, const Alignment& to) {
  return is_aligned(setup.descriptors.value(), to.descriptors) &&
         is_aligned(setup.driver.value(), to.driver) && is_aligned(setup.device.value(), to.device);
}

}  // namespace

void Virtqueue::reset() {
  setup_ = {.size = largest_};
  enabled_ = false;
  ring_.reset();
}

bool Virtqueue::start(Host& host, Features features) {
  if (maker_) {
    ring_ = maker_(host, setup_);
    return true;
  }
  const bool packed = (features & kRingPacked) != 0;
  setup_.indirect = (features & kIndirectDescriptors) != 0;
  setup_.event_index = (features & kEventIndex) != 0;
  if (setup_.size == 0 || setup_.size > largest_) return false;
  if (!packed && !std::has_single_bit(setup_.size)) return false;
  if (!aligned(setup_, packed ? kPackedAlignment : kSplitAlignment)) return false;
  if (packed) {
    ring_ = std::make_unique<PackedRing>(host, setup_);
  } else {
    ring_ = std::make_unique<SplitRing>(host, setup_);
  }
  return true;
}

State Virtqueue::save() const {
  State state{{"size", setup_.size},
              {"descriptors", setup_.descriptors.value()},
              {"driver", setup_.driver.value()},
              {"device", setup_.device.value()},
              {"enabled", enabled_}};
  if (ring_) state["ring"] = ring_->save();
  return state;
}

void Virtqueue::restore(Host& host, Features features, const State& state) {
  reset();
  setup_.size = state.at("size").get<std::uint16_t>();
  setup_.descriptors = GuestPhysical(state.at("descriptors").get<std::uint64_t>());
  setup_.driver = GuestPhysical(state.at("driver").get<std::uint64_t>());
  setup_.device = GuestPhysical(state.at("device").get<std::uint64_t>());
  enabled_ = state.at("enabled").get<bool>();
  if (!state.contains("ring")) return;
  if (!start(host, features)) throw std::runtime_error("a live queue has an impossible setup");
  ring_->restore(state.at("ring"));
}

}  // namespace orrery::device::virtio
