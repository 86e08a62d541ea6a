// Inter-processor interrupts (SDM vol. 3A, 11.6 and 11.12.9 to 11.12.11).
#include "base/bits.hpp"
#include "device/lapic/lapic.hpp"

namespace orrery::device::lapic {

void LocalApic::send_ipi() {
  const std::uint64_t command = r_.interrupt_command & icr::kWritable;
  const auto delivery = static_cast<DeliveryMode>(bits(command, 10, 8));
  const auto vector = static_cast<std::uint8_t>(command);
  // INIT level de-assert only synchronizes arbitration ids, which nothing has any more.
  const bool deassert = (command & icr::kLevel) != 0 && (command & icr::kAssert) == 0;
  if (delivery == DeliveryMode::kInit && deassert) return;
  const bool has_vector =
      delivery == DeliveryMode::kFixed || delivery == DeliveryMode::kLowestPriority;
  if (has_vector && vector < kLowestVector) return raise_error(esr::kSendIllegalVector);
  if (delivery == DeliveryMode::kExtInt || bits(command, 10, 8) == 3) return;  // reserved
  const InterruptMessage message{
      .destination = static_cast<std::uint32_t>(x2() ? command >> 32 : command >> 56),
      .destination_mode = static_cast<DestinationMode>(bits(command, 11, 11)),
      .delivery = delivery,
      .trigger = TriggerMode::kEdge,  // IPIs other than INIT are always edge triggered
      .vector = vector,
      .wide = x2()};
  connection_.send_ipi(*this, static_cast<Shorthand>(bits(command, 19, 18)), message);
}

void LocalApic::send_self_ipi(std::uint8_t vector) {
  if (vector < kLowestVector) return raise_error(esr::kSendIllegalVector);
  accept(vector, TriggerMode::kEdge);
}

}  // namespace orrery::device::lapic
