// Accepting interrupts, priorities, acknowledgement and end (SDM vol. 3A, 11.5.1 and 11.8).
#include <algorithm>

#include "base/bits.hpp"
#include "device/lapic/lapic.hpp"

namespace orrery::device::lapic {
namespace {

constexpr std::uint8_t kClass = 0xf0;  // a vector's priority class

}  // namespace

// 11.8.3.1: the higher of the task's priority and that of what is in service.
std::uint8_t LocalApic::processor_priority() const {
  const std::uint8_t served = r_.in_service.highest().value_or(0) & kClass;
  return (r_.task_priority & kClass) >= served ? r_.task_priority : served;
}

std::optional<std::uint8_t> LocalApic::deliverable() const {
  const auto vector = r_.interrupt_request.highest();
  if (!vector || (*vector & kClass) <= (processor_priority() & kClass)) return std::nullopt;
  return vector;
}

// The 8259s' request reaches the core past the APIC where that is disabled, and through LINT0 where
// its entry says so.
bool LocalApic::external_pending() const {
  if (!enabled()) return r_.lint0;
  if (r_.external_message) return true;
  const std::uint32_t entry = local_vector(Register::kLvtLint0);
  return r_.lint0 && (entry & lvt::kMasked) == 0 &&
         static_cast<DeliveryMode>(bits(entry, 10, 8)) == DeliveryMode::kExtInt;
}

bool LocalApic::pending() const {
  return external_pending() || (enabled() && software_enabled() && deliverable().has_value());
}

std::optional<std::uint8_t> LocalApic::acknowledge() {
  if (enabled() && software_enabled()) {
    if (const auto vector = deliverable()) {
      r_.interrupt_request.erase(*vector);
      r_.in_service.insert(*vector);
      return vector;
    }
  }
  if (!external_pending()) return std::nullopt;
  r_.external_message = false;
  return connection_.acknowledge_external();
}

void LocalApic::set_task_priority(std::uint64_t cr8) {
  r_.task_priority = static_cast<std::uint8_t>(cr8 << 4);
}

void LocalApic::end_of_interrupt() {
  const auto vector = r_.in_service.highest();
  if (!vector) return;
  r_.in_service.erase(*vector);
  if (!r_.trigger_mode.contains(*vector)) return;
  std::uint32_t& lint0 = local_vector(Register::kLvtLint0);
  if ((lint0 & lvt::kRemoteIrr) != 0 && bits(lint0, 7, 0) == *vector) {
    lint0 &= ~lvt::kRemoteIrr;
    if (r_.lint0) fire_local_vector(Register::kLvtLint0);
  }
  connection_.broadcast_eoi(*vector);
}

void LocalApic::accept(std::uint8_t vector, TriggerMode trigger) {
  if (vector < kLowestVector) return raise_error(esr::kReceiveIllegalVector);
  r_.interrupt_request.insert(vector);
  r_.trigger_mode.set(vector, trigger == TriggerMode::kLevel);
}

void LocalApic::raise_error(std::uint32_t error) {
  const bool first = (r_.error_pending & error) == 0;
  r_.error_pending |= error;
  // The error entry's own vector may be illegal: that is noted and goes no further.
  const std::uint32_t entry = local_vector(Register::kLvtError);
  if (!first || (entry & lvt::kMasked) != 0) return;
  const auto vector = static_cast<std::uint8_t>(entry);
  if (vector < kLowestVector) {
    r_.error_pending |= esr::kReceiveIllegalVector;
  } else {
    accept(vector, TriggerMode::kEdge);
  }
}

void LocalApic::fire_local_vector(Register which) {
  std::uint32_t& entry = local_vector(which);
  if ((entry & lvt::kMasked) != 0 || !enabled()) return;
  const bool is_pin = which == Register::kLvtLint0 || which == Register::kLvtLint1;
  const bool has_mode = which != Register::kLvtTimer && which != Register::kLvtError;
  const auto mode = has_mode ? static_cast<DeliveryMode>(bits(entry, 10, 8)) : DeliveryMode::kFixed;
  switch (mode) {
    case DeliveryMode::kFixed: {
      const bool level = is_pin && (entry & lvt::kLevel) != 0;
      if (level && (entry & lvt::kRemoteIrr) != 0) return;
      if (level) entry |= lvt::kRemoteIrr;
      accept(static_cast<std::uint8_t>(entry), level ? TriggerMode::kLevel : TriggerMode::kEdge);
      break;
    }
    case DeliveryMode::kNmi: connection_.signal(id_, CoreEvent::kNmi, 0); break;
    default: break;  // ExtINT: see external_pending()
  }
}

void LocalApic::set_lint0(bool level) {
  const bool rises = level && !r_.lint0;
  r_.lint0 = level;
  const bool level_triggered = (local_vector(Register::kLvtLint0) & lvt::kLevel) != 0;
  if (rises || (level && level_triggered)) fire_local_vector(Register::kLvtLint0);
}

void LocalApic::deliver(const InterruptMessage& message) {
  switch (message.delivery) {
    case DeliveryMode::kFixed:
    case DeliveryMode::kLowestPriority:
      if (enabled() && software_enabled()) accept(message.vector, message.trigger);
      break;
    case DeliveryMode::kNmi: connection_.signal(id_, CoreEvent::kNmi, 0); break;
    case DeliveryMode::kInit:
      initialize();
      connection_.signal(id_, CoreEvent::kInit, 0);
      break;
    case DeliveryMode::kStartup:
      connection_.signal(id_, CoreEvent::kStartup, message.vector);
      break;
    case DeliveryMode::kExtInt: r_.external_message = true; break;
    case DeliveryMode::kSmi: break;  // this machine has no system management mode
  }
}

bool LocalApic::accepts(const InterruptMessage& message) const {
  if (!enabled()) return false;
  if (message.to_everyone()) return true;
  if (message.destination_mode == DestinationMode::kLogical) return accepts_logical(message);
  return message.destination == (x2() ? id_.value() : r_.xapic_id);
}

bool LocalApic::accepts_logical(const InterruptMessage& message) const {
  const std::uint32_t destination = message.destination;
  if (x2()) {  // 11.12.10: cluster and a set of its members
    return destination >> 16 == logical_id() >> 16 && (destination & logical_id() & 0xffff) != 0;
  }
  const std::uint32_t own = r_.logical_destination >> 24;
  if (r_.destination_format >> 28 == 0xf) return (destination & own) != 0;  // flat
  return bits(destination, 7, 4) == bits(own, 7, 4) && (destination & own & 0xf) != 0;
}

}  // namespace orrery::device::lapic
