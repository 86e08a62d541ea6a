// An interrupt on its way to local APICs, as I/O APIC entries, MSIs and inter-processor interrupts
// say it (SDM vol. 3A, 11.6.1 and 11.11; 82093AA datasheet, 3.2.4).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace orrery::device {

// The three bits that all of them share.
enum class DeliveryMode : std::uint8_t {
  kFixed = 0,
  kLowestPriority = 1,
  kSmi = 2,
  kNmi = 4,
  kInit = 5,
  kStartup = 6,
  kExtInt = 7,
};

enum class DestinationMode : std::uint8_t { kPhysical = 0, kLogical = 1 };
enum class TriggerMode : std::uint8_t { kEdge = 0, kLevel = 1 };

struct InterruptMessage {
  std::uint32_t destination = 0;
  DestinationMode destination_mode = DestinationMode::kPhysical;
  DeliveryMode delivery = DeliveryMode::kFixed;
  TriggerMode trigger = TriggerMode::kEdge;
  std::uint8_t vector = 0;
  // The destination has 32 bits (from an x2APIC's ICR) instead of 8; all ones mean everyone.
  bool wide = false;

  bool to_everyone() const { return destination == (wide ? 0xffff'ffffu : 0xffu); }
  friend bool operator==(const InterruptMessage&, const InterruptMessage&) = default;
};

// The message that a write of DATA to ADDRESS (FEExxxxxh) is (SDM vol. 3A, 11.11.1 and 11.11.2).
constexpr InterruptMessage message_of_msi(std::uint64_t address, std::uint32_t data) {
  return {.destination = static_cast<std::uint32_t>(bits(address, 19, 12)),
          .destination_mode = static_cast<DestinationMode>(bits(address, 2, 2)),
          .delivery = static_cast<DeliveryMode>(bits(data, 10, 8)),
          .trigger = static_cast<TriggerMode>(bits(data, 15, 15)),
          .vector = static_cast<std::uint8_t>(data)};
}

}  // namespace orrery::device
