#include "device/virtio/queue/packed_ring.hpp"

#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace orrery::device::virtio {

void PackedRing::Place::advance(unsigned count, unsigned size) {
  const unsigned sum = index + count;
  if (sum >= size) wrap = !wrap;
  index = static_cast<std::uint16_t>(sum >= size ? sum - size : sum);
}

void PackedRing::Place::retreat(unsigned count, unsigned size) {
  if (count > index) wrap = !wrap;
  index = static_cast<std::uint16_t>(count > index ? index + size - count : index - count);
}

// 2.8.1: available when the AVAIL bit equals the wrap counter and the USED bit does not.
bool PackedRing::available_at(const Place& place) {
  const auto flags = load<std::uint16_t>(descriptor(place.index) + kPackedFlagsOffset);
  // Pairs with the driver's barrier before it writes a chain's first flags (2.8.21.1).
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool available = (flags & kPackedAvailable) != 0;
  const bool used = (flags & kPackedUsed) != 0;
  return !broken() && available == place.wrap && used != place.wrap;
}

Taken PackedRing::take(Chain& chain) {
  chain.clear();
  if (broken()) return Taken::kBroken;
  if (!available_at(next_available_)) return broken() ? Taken::kBroken : Taken::kNone;
  if (!walk(chain)) return Taken::kBroken;
  next_available_.advance(chain.slots, size());
  return Taken::kChain;
}

// The chain's first flags make all of it available (2.8.21); its last descriptor has its id.
bool PackedRing::walk(Chain& chain) {
  Place place = next_available_;
  for (unsigned count = 1; count <= size(); ++count) {
    const auto entry = load<PackedDescriptor>(descriptor(place.index));
    if (broken()) return false;
    chain.slots = static_cast<std::uint16_t>(count);
    chain.id = entry.id;
    if ((entry.flags & kIndirect) != 0) {
      if ((entry.flags & kNext) != 0 || count > 1) {
        break_queue("an indirect table within a chain (2.8.7)");
        return false;
      }
      return walk_indirect(chain, entry);
    }
    if (!add_buffer(chain, entry.address, entry.length, entry.flags)) return false;
    if ((entry.flags & kNext) == 0) return true;
    place.advance(1, size());
  }
  break_queue("a chain is longer than the queue (2.8.5)");
  return false;
}

// All of an indirect table's descriptors are the chain, in order (2.8.7).
bool PackedRing::walk_indirect(Chain& chain, const PackedDescriptor& table) {
  if (!check_indirect(table.length)) return false;
  const std::uint32_t entries = table.length / sizeof(PackedDescriptor);
  if (entries > indirect_limit()) {
    break_queue("an indirect table is too long");
    return false;
  }
  std::array<PackedDescriptor, 8> piece;
  for (std::uint32_t start = 0; start < entries; start += piece.size()) {
    const auto part = std::span(piece).first(std::min<std::size_t>(piece.size(), entries - start));
    if (!host_.dma_read(GuestPhysical(table.address + start * std::uint64_t{16}),
                        std::as_writable_bytes(part))) {
      break_queue("an indirect table is not in RAM");
      return false;
    }
    for (const PackedDescriptor& entry : part) {
      if (!add_buffer(chain, entry.address, entry.length, entry.flags)) return false;
    }
  }
  return true;
}

void PackedRing::put_back(const Chain& chain) {
  next_available_.retreat(chain.slots, size());
}

void PackedRing::give(const Chain& chain, std::uint32_t written) {
  const GuestPhysical at = descriptor(next_used_.index);
  struct {
    std::uint32_t length;
    std::uint16_t id;
  } __attribute__((packed)) const tail{written, chain.id};
  store(at + kPackedLengthOffset, tail);
  // The driver reads the flags before the rest and the buffers (2.8.21.3.2).
  std::atomic_thread_fence(std::memory_order_release);
  std::uint16_t flags = next_used_.wrap ? kPackedAvailable | kPackedUsed : 0;
  if (written != 0) flags |= kWrite;
  store(at + kPackedFlagsOffset, flags);
  next_used_.advance(chain.slots, size());
}

bool PackedRing::publish() {
  if (next_used_.index == published_.index && next_used_.wrap == published_.wrap) return false;
  // Pairs with the driver's barrier between writing its event suppression and reading descriptors.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto event = load<PackedEvent>(setup().driver);
  const Place before = published_;
  published_ = next_used_;
  if (event.flags == kEventDisable) return false;
  if (event.flags != kEventPlace || !setup().event_index) return true;
  // Offsets of an earlier turn of the ring lie below zero (2.8.10).
  const auto offset_of = [&](unsigned index, bool wrap) {
    return static_cast<std::uint16_t>(wrap == published_.wrap ? index : index - size());
  };
  const auto wanted = offset_of(event.place & (kPackedWrap - 1u), (event.place & kPackedWrap) != 0);
  return passed_event(wanted, published_.index, offset_of(before.index, before.wrap));
}

void PackedRing::disable_notifications() {
  store(setup().device, PackedEvent{0, kEventDisable});
}

bool PackedRing::enable_notifications() {
  const std::uint16_t flags = setup().event_index ? kEventPlace : kEventEnable;
  store(setup().device, PackedEvent{next_available_.encoded(), flags});
  // Pairs with the driver's barrier between making available and reading event suppression.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return !broken() && available_at(next_available_);
}

State PackedRing::save() const {
  return {{"next_available", next_available_.encoded()},
          {"next_used", next_used_.encoded()},
          {"published", published_.encoded()}};
}

PackedRing::Place PackedRing::place_from(const State& state) {
  const auto encoded = state.get<std::uint16_t>();
  return {static_cast<std::uint16_t>(encoded & (kPackedWrap - 1u)), (encoded & kPackedWrap) != 0};
}

void PackedRing::restore(const State& state) {
  const Place next_available = place_from(state.at("next_available"));
  const Place next_used = place_from(state.at("next_used"));
  const Place published = place_from(state.at("published"));
  if (next_available.index >= size() || next_used.index >= size() || published.index >= size()) {
    throw std::runtime_error("a queue position is beyond the ring");
  }
  next_available_ = next_available;
  next_used_ = next_used;
  published_ = published;
}

}  // namespace orrery::device::virtio
