#include "device/pic8259/pic8259.hpp"

#include <utility>

namespace orrery::device::pic8259 {
namespace {
constexpr std::uint8_t kWritableElcr[2] = {kElcrMaster, kElcrSlave};
}

Pic8259::Pic8259(std::function<void(bool)> interrupt) : interrupt_(std::move(interrupt)) {
  chips_[kMaster].set_cascade(1u << kCascadeInput);
}

void Pic8259::reset() {
  chips_ = {};
  chips_[kMaster].set_cascade(1u << kCascadeInput);
  update();
}

void Pic8259::set_irq(unsigned irq, bool level) {
  if (irq >= kIrqs || irq == kCascadeInput) return;
  chips_[irq / kInputs].set_input(irq % kInputs, level);
  update();
}

std::uint8_t Pic8259::acknowledge() {
  const unsigned input = chips_[kMaster].acknowledge();
  std::uint8_t vector = chips_[kMaster].vector_of(input);
  if (input == kCascadeInput) {
    vector = chips_[kSlave].vector_of(chips_[kSlave].acknowledge());
  }
  update();
  return vector;
}

std::uint64_t Pic8259::read(unsigned region, std::uint64_t offset, Width width) {
  if (width != Width::k8 || offset > 1 || region > kElcr) return mask_of(width);
  if (region == kElcr) return chips_[offset].level_triggered();
  const std::uint8_t value = chips_[region].read(static_cast<unsigned>(offset));
  update();
  return value;
}

void Pic8259::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k8 || offset > 1 || region > kElcr) return;
  const auto byte = static_cast<std::uint8_t>(value);
  if (region == kElcr) {
    chips_[offset].set_level_triggered(byte & kWritableElcr[offset]);
  } else {
    chips_[region].write(static_cast<unsigned>(offset), byte);
  }
  update();
}

void Pic8259::update() {
  chips_[kMaster].set_input(kCascadeInput, chips_[kSlave].output());
  interrupt_(chips_[kMaster].output());
}

}  // namespace orrery::device::pic8259
