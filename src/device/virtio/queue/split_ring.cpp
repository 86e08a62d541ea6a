#include "device/virtio/queue/split_ring.hpp"

#include <array>

#include <nlohmann/json.hpp>

namespace orrery::device::virtio {

bool SplitRing::refresh_available() {
  available_index_ = load<std::uint16_t>(available(kRingIndex));
  // Pairs with the driver's barrier between filling an entry and raising idx (2.7.13.3).
  std::atomic_thread_fence(std::memory_order_acquire);
  const auto waiting = static_cast<std::uint16_t>(available_index_ - next_available_);
  if (waiting > size()) break_queue("the available ring's idx jumped beyond the queue's size");
  return !broken() && waiting != 0;
}

Taken SplitRing::take(Chain& chain) {
  chain.clear();
  if (broken()) return Taken::kBroken;
  if (available_index_ == next_available_ && !refresh_available()) {
    return broken() ? Taken::kBroken : Taken::kNone;
  }
  const unsigned entry = next_available_ & (size() - 1);
  const auto head = load<std::uint16_t>(available(kRingEntries + entry * kAvailableEntrySize));
  if (broken() || !walk(chain, head)) return Taken::kBroken;
  chain.id = head;
  ++next_available_;
  return Taken::kChain;
}

bool SplitRing::walk(Chain& chain, std::uint16_t head) {
  std::uint16_t index = head;
  for (unsigned count = 0; count < size(); ++count) {
    if (index >= size()) {
      break_queue("a descriptor's index is beyond the table");
      return false;
    }
    const auto descriptor = load<SplitDescriptor>(setup().descriptors + index * 16u);
    if (broken()) return false;
    if ((descriptor.flags & kIndirect) != 0) {
      if ((descriptor.flags & kNext) != 0) {
        break_queue("a descriptor has both INDIRECT and NEXT (2.7.5.3.1)");
        return false;
      }
      return walk_indirect(chain, descriptor);
    }
    if (!add_buffer(chain, descriptor.address, descriptor.length, descriptor.flags)) return false;
    if ((descriptor.flags & kNext) == 0) return true;
    index = descriptor.next;
  }
  break_queue("a chain is longer than the queue, or a loop (2.7.5.3.1)");
  return false;
}

// The table is read in pieces, each of which a driver's usual chain fits into.
bool SplitRing::walk_indirect(Chain& chain, const SplitDescriptor& table) {
  if (!check_indirect(table.length)) return false;
  const std::uint32_t entries = table.length / sizeof(SplitDescriptor);
  std::array<SplitDescriptor, 8> piece;
  std::uint32_t piece_start = 0;
  std::uint32_t piece_end = 0;
  std::uint32_t index = 0;
  for (unsigned count = 0; count < indirect_limit(); ++count) {
    if (index >= entries) {
      break_queue("a descriptor's index is beyond the indirect table");
      return false;
    }
    if (index < piece_start || index >= piece_end) {
      piece_start = index;
      piece_end = std::min<std::uint32_t>(entries, index + piece.size());
      const auto bytes = std::as_writable_bytes(std::span(piece).first(piece_end - piece_start));
      if (!host_.dma_read(GuestPhysical(table.address + index * std::uint64_t{16}), bytes)) {
        break_queue("an indirect table is not in RAM");
        return false;
      }
    }
    const SplitDescriptor& descriptor = piece[index - piece_start];
    if ((descriptor.flags & kIndirect) != 0) {
      break_queue("an indirect table within an indirect table (2.7.5.3.1)");
      return false;
    }
    if (!add_buffer(chain, descriptor.address, descriptor.length, descriptor.flags)) return false;
    if ((descriptor.flags & kNext) == 0) return true;
    index = descriptor.next;
  }
  break_queue("an indirect chain is too long, or a loop");
  return false;
}

void SplitRing::put_back(const Chain&) {
  --next_available_;
}

void SplitRing::give(const Chain& chain, std::uint32_t written) {
  const unsigned entry = next_used_ & (size() - 1);
  store(used(kRingEntries + entry * sizeof(UsedElement)), UsedElement{chain.id, written});
  ++next_used_;
}

bool SplitRing::publish() {
  if (next_used_ == published_) return false;
  // The driver reads idx before the elements and the buffers (2.7.14); they must be there first.
  std::atomic_thread_fence(std::memory_order_release);
  store(used(kRingIndex), next_used_);
  const bool interrupt = wants_interrupt();
  published_ = next_used_;
  return interrupt;
}

bool SplitRing::wants_interrupt() {
  // Pairs with the driver's barrier between writing used_event and reading idx (2.7.7.1): one of
  // the two sees the other's store.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (setup().event_index) {
    const auto event = load<std::uint16_t>(available(kRingEntries + size() * kAvailableEntrySize));
    return passed_event(event, next_used_, published_);
  }
  return (load<std::uint16_t>(available(kRingFlags)) & kAvailableNoInterrupt) == 0;
}

// With event indices, an avail_event that stays behind is enough.
void SplitRing::disable_notifications() {
  if (!setup().event_index) set_no_notify(true);
}

bool SplitRing::enable_notifications() {
  if (setup().event_index) {
    store(used(kRingEntries + size() * static_cast<unsigned>(sizeof(UsedElement))),
          next_available_);
  } else {
    set_no_notify(false);
  }
  // Pairs with the driver's barrier between raising idx and reading avail_event (2.7.13.4).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return refresh_available();
}

void SplitRing::set_no_notify(bool suppressed) {
  store(used(kRingFlags), suppressed ? kUsedNoNotify : std::uint16_t{0});
}

State SplitRing::save() const {
  return {
      {"next_available", next_available_}, {"next_used", next_used_}, {"published", published_}};
}

void SplitRing::restore(const State& state) {
  next_available_ = available_index_ = state.at("next_available").get<std::uint16_t>();
  next_used_ = state.at("next_used").get<std::uint16_t>();
  published_ = state.at("published").get<std::uint16_t>();
}

}  // namespace orrery::device::virtio
