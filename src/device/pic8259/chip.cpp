#include "device/pic8259/chip.hpp"

#include "base/bits.hpp"

namespace orrery::device::pic8259 {
namespace {

constexpr std::uint8_t one(unsigned input) {
  return static_cast<std::uint8_t>(1u << input);
}
constexpr std::uint8_t without(std::uint8_t set, std::uint8_t removed) {
  return static_cast<std::uint8_t>(set & ~removed);
}

}  // namespace

void Chip::set_input(unsigned input, bool level) {
  const std::uint8_t which = one(input);
  const bool rises = level && (inputs_ & which) == 0;
  inputs_ = level ? inputs_ | which : without(inputs_, which);
  if ((level_triggered_ & which) != 0) {
    request_ = level ? request_ | which : without(request_, which);
  } else if (rises) {
    request_ |= which;
  } else if (!level) {
    // A request must stay high until it is acknowledged ("Edge and Level Triggered Modes").
    request_ = without(request_, which);
  }
}

void Chip::set_level_triggered(std::uint8_t inputs) {
  level_triggered_ = inputs;
  request_ = static_cast<std::uint8_t>((request_ & ~inputs) | (inputs_ & inputs));
}

std::optional<unsigned> Chip::highest(std::uint8_t set) const {
  for (unsigned i = 1; i <= kInputs; ++i) {
    const unsigned input = (lowest_priority_ + i) % kInputs;
    if ((set & one(input)) != 0) return input;
  }
  return std::nullopt;
}

std::optional<unsigned> Chip::pending() const {
  if (initialization_ != Step::kReady) return std::nullopt;
  const auto requested = highest(without(request_, mask_));
  if (!requested) return std::nullopt;
  // In special mask mode a masked level in service does not inhibit others.
  std::uint8_t blocking = special_mask_ ? without(in_service_, mask_) : in_service_;
  // A slave in service may interrupt again with a higher level of its own.
  if (special_fully_nested_) blocking = without(blocking, one(*requested) & cascade_);
  const auto served = highest(blocking);
  if (!served) return requested;
  const auto rank = [this](unsigned input) { return (input - lowest_priority_ - 1) % kInputs; };
  return rank(*requested) < rank(*served) ? requested : std::nullopt;
}

unsigned Chip::acknowledge() {
  const auto input = pending();
  if (!input) return kSpuriousInput;
  const std::uint8_t which = one(*input);
  if ((level_triggered_ & which) == 0) request_ = without(request_, which);
  if (auto_eoi_) {
    if (rotate_in_auto_eoi_) lowest_priority_ = static_cast<std::uint8_t>(*input);
  } else {
    in_service_ |= which;
  }
  return *input;
}

std::uint8_t Chip::read(unsigned offset) {
  if (poll_) {
    poll_ = false;
    if (!output()) return 0;
    return static_cast<std::uint8_t>(kPollPending | acknowledge());
  }
  if (offset != 0) return mask_;
  return read_in_service_ ? in_service_ : request_;
}

void Chip::write(unsigned offset, std::uint8_t value) {
  if (offset != 0) return write_data(value);
  if ((value & kIsIcw1) != 0) return initialize(value);
  if ((value & kIsOcw3) != 0) return write_ocw3(value);
  command(value);
}

void Chip::initialize(std::uint8_t icw1) {
  // The edge sense circuit is reset: an input must rise again to be seen. The trigger mode is
  // ELCR's to say (LTIM is ignored by the PIIX).
  request_ = inputs_ & level_triggered_;
  in_service_ = mask_ = 0;
  lowest_priority_ = 7;
  single_ = (icw1 & icw1::kSingle) != 0;
  needs_icw4_ = (icw1 & icw1::kNeedsIcw4) != 0;
  auto_eoi_ = special_fully_nested_ = special_mask_ = read_in_service_ = poll_ = false;
  rotate_in_auto_eoi_ = false;
  initialization_ = Step::kIcw2;
}

void Chip::write_data(std::uint8_t value) {
  const Step after_icw3 = needs_icw4_ ? Step::kIcw4 : Step::kReady;
  switch (initialization_) {
    case Step::kReady: mask_ = value; break;
    case Step::kIcw2:
      vector_base_ = value & 0xf8;
      initialization_ = single_ ? after_icw3 : Step::kIcw3;
      break;
    case Step::kIcw3:  // the PC's wiring is fixed
      initialization_ = after_icw3;
      break;
    case Step::kIcw4:
      auto_eoi_ = (value & icw4::kAutoEoi) != 0;
      special_fully_nested_ = (value & icw4::kSpecialFullyNested) != 0;
      initialization_ = Step::kReady;
      break;
  }
}

void Chip::command(std::uint8_t ocw2) {
  const unsigned level = ocw2 & 7;
  switch (static_cast<Ocw2>(ocw2 >> 5)) {
    case Ocw2::kClearRotateInAutoEoi: rotate_in_auto_eoi_ = false; break;
    case Ocw2::kSetRotateInAutoEoi: rotate_in_auto_eoi_ = true; break;
    case Ocw2::kNonSpecificEoi: end_of_interrupt(std::nullopt, false); break;
    case Ocw2::kRotateOnNonSpecificEoi: end_of_interrupt(std::nullopt, true); break;
    case Ocw2::kSpecificEoi: end_of_interrupt(level, false); break;
    case Ocw2::kRotateOnSpecificEoi: end_of_interrupt(level, true); break;
    case Ocw2::kSetPriority: lowest_priority_ = static_cast<std::uint8_t>(level); break;
    case Ocw2::kNoOperation: break;
  }
}

void Chip::end_of_interrupt(std::optional<unsigned> input, bool rotate) {
  if (!input) input = highest(special_mask_ ? without(in_service_, mask_) : in_service_);
  if (!input) return;
  in_service_ = without(in_service_, one(*input));
  if (rotate) lowest_priority_ = static_cast<std::uint8_t>(*input);
}

void Chip::write_ocw3(std::uint8_t value) {
  if ((value & ocw3::kPoll) != 0) poll_ = true;
  if ((value & ocw3::kReadRegister) != 0) read_in_service_ = (value & ocw3::kReadIsr) != 0;
  if ((value & ocw3::kEnableSpecialMask) != 0) special_mask_ = (value & ocw3::kSpecialMask) != 0;
}

}  // namespace orrery::device::pic8259
