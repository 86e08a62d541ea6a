#include "device/ioapic/ioapic.hpp"

#include <utility>

#include "base/bits.hpp"

namespace orrery::device::ioapic {

IoApic::IoApic(Deliver deliver) : deliver_(std::move(deliver)) {
  reset();
}

void IoApic::reset() {
  const std::uint32_t inputs = r_.inputs;
  r_ = {};
  r_.inputs = inputs;
  r_.entries.fill(redirection::kMasked);
}

void IoApic::set_pin(unsigned pin, bool asserted) {
  if (pin >= kPins) return;
  const std::uint32_t which = 1u << pin;
  const bool rises = asserted && (r_.inputs & which) == 0;
  r_.inputs = asserted ? r_.inputs | which : r_.inputs & ~which;
  const std::uint64_t entry = r_.entries[pin];
  if ((entry & redirection::kLevel) != 0) {
    service_level(pin);
  } else if (rises && (entry & redirection::kMasked) == 0) {
    send(entry);  // an edge on a masked pin is lost (3.2.4, "Interrupt Mask")
  }
}

void IoApic::service_level(unsigned pin) {
  std::uint64_t& entry = r_.entries[pin];
  constexpr std::uint64_t kBlocking = redirection::kMasked | redirection::kRemoteIrr;
  if ((entry & redirection::kLevel) == 0 || (entry & kBlocking) != 0) return;
  if ((r_.inputs & (1u << pin)) == 0) return;
  // Remote IRR is for fixed and lowest-priority delivery only: the others get no EOI.
  if (static_cast<DeliveryMode>(bits(entry, 10, 8)) <= DeliveryMode::kLowestPriority) {
    entry |= redirection::kRemoteIrr;
  }
  send(entry);
}

void IoApic::send(std::uint64_t entry) {
  deliver_({.destination = static_cast<std::uint32_t>(bits(entry, 63, 56)),
            .destination_mode = static_cast<DestinationMode>(bits(entry, 11, 11)),
            .delivery = static_cast<DeliveryMode>(bits(entry, 10, 8)),
            .trigger = static_cast<TriggerMode>(bits(entry, 15, 15)),
            .vector = static_cast<std::uint8_t>(entry)});
}

void IoApic::end_of_interrupt(std::uint8_t vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    std::uint64_t& entry = r_.entries[pin];
    if ((entry & redirection::kRemoteIrr) == 0 || bits(entry, 7, 0) != vector) continue;
    entry &= ~redirection::kRemoteIrr;
    service_level(pin);
  }
}

std::uint64_t IoApic::read(unsigned /*region*/, std::uint64_t offset, Width width) {
  if (width != Width::k32) return mask_of(width);
  if (offset == kSelect) return r_.select;
  if (offset == kWindow) return read_indirect();
  return mask_of(width);
}

void IoApic::write(unsigned /*region*/, std::uint64_t offset, Width width, std::uint64_t value) {
  // IOREGSEL and EOIR are 8 bits wide within a double word; IOWIN wants 32 bits (3.1).
  if (offset == kSelect) {
    r_.select = static_cast<std::uint8_t>(value);
  } else if (offset == kEoi) {
    end_of_interrupt(static_cast<std::uint8_t>(value));
  } else if (offset == kWindow && width == Width::k32) {
    write_indirect(static_cast<std::uint32_t>(value));
  }
}

std::uint32_t IoApic::read_indirect() const {
  switch (r_.select) {
    case kId:
    case kArbitration: return r_.id;
    case kVersion: return kVersionValue;
    default: break;
  }
  const unsigned pin = static_cast<unsigned>(r_.select - kRedirection) / 2;
  if (r_.select < kRedirection || pin >= kPins) return 0xffff'ffff;
  return static_cast<std::uint32_t>(r_.entries[pin] >> (r_.select % 2 * 32));
}

void IoApic::write_indirect(std::uint32_t value) {
  if (r_.select == kId) r_.id = value & kIdMask;
  if (r_.select < kRedirection) return;
  const unsigned pin = static_cast<unsigned>(r_.select - kRedirection) / 2;
  if (pin < kPins) write_entry(pin, r_.select % 2 != 0, value);
}

void IoApic::write_entry(unsigned pin, bool high_half, std::uint32_t value) {
  std::uint64_t& entry = r_.entries[pin];
  const std::uint64_t half = high_half ? 0xffff'ffff'0000'0000 : 0x0000'0000'ffff'ffff;
  const std::uint64_t writable = half & redirection::kDefined & ~redirection::kReadOnly;
  const std::uint64_t wide = std::uint64_t{value} << (high_half ? 32 : 0);
  entry = (entry & ~writable) | (wide & writable);
  // An edge-triggered entry has no remote IRR; switching to edge and back clears it, which is how
  // software does without EOIR.
  if ((entry & redirection::kLevel) == 0) entry &= ~redirection::kRemoteIrr;
  service_level(pin);
}

}  // namespace orrery::device::ioapic
