// One 8259A (Intel 8259A datasheet). The pair of a PC is in pic8259.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "device/pic8259/registers.hpp"

namespace orrery::device::pic8259 {

class Chip {
 public:
  void set_input(unsigned input, bool level);
  // Level of INT.
  bool output() const { return pending().has_value(); }
  // The first INTA: the input that is now served, or kSpuriousInput.
  unsigned acknowledge();
  std::uint8_t vector_of(unsigned input) const {
    return static_cast<std::uint8_t>(vector_base_ | input);
  }

  std::uint8_t read(unsigned offset);
  void write(unsigned offset, std::uint8_t value);

  std::uint8_t level_triggered() const { return level_triggered_; }
  void set_level_triggered(std::uint8_t inputs);

  // Master: slaves are cascaded here, for the special fully nested mode.
  void set_cascade(std::uint8_t inputs) { cascade_ = inputs; }

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("inputs", self.inputs_);
    archive("request", self.request_);
    archive("in_service", self.in_service_);
    archive("mask", self.mask_);
    archive("level_triggered", self.level_triggered_);
    archive("vector_base", self.vector_base_);
    archive("lowest_priority", self.lowest_priority_);
    archive("initialization", self.initialization_);
    archive("single", self.single_);
    archive("needs_icw4", self.needs_icw4_);
    archive("auto_eoi", self.auto_eoi_);
    archive("rotate_in_auto_eoi", self.rotate_in_auto_eoi_);
    archive("special_fully_nested", self.special_fully_nested_);
    archive("special_mask", self.special_mask_);
    archive("read_in_service", self.read_in_service_);
    archive("poll", self.poll_);
  }
  bool valid() const { return lowest_priority_ < kInputs && initialization_ <= Step::kIcw4; }

 private:
  // Which initialization word comes next.
  enum class Step : std::uint8_t { kReady, kIcw2, kIcw3, kIcw4 };

  std::optional<unsigned> pending() const;
  // The input of highest priority in a set.
  std::optional<unsigned> highest(std::uint8_t set) const;
  void initialize(std::uint8_t icw1);
  void write_data(std::uint8_t value);
  void command(std::uint8_t ocw2);
  void write_ocw3(std::uint8_t value);
  void end_of_interrupt(std::optional<unsigned> input, bool rotate);

  std::uint8_t inputs_ = 0;      // levels
  std::uint8_t request_ = 0;     // IRR
  std::uint8_t in_service_ = 0;  // ISR
  std::uint8_t mask_ = 0;        // IMR
  std::uint8_t level_triggered_ = 0;
  std::uint8_t cascade_ = 0;
  std::uint8_t vector_base_ = 0;
  std::uint8_t lowest_priority_ = 7;
  Step initialization_ = Step::kReady;
  bool single_ = false;
  bool needs_icw4_ = false;
  bool auto_eoi_ = false;
  bool rotate_in_auto_eoi_ = false;
  bool special_fully_nested_ = false;
  bool special_mask_ = false;
  bool read_in_service_ = false;
  bool poll_ = false;
};

}  // namespace orrery::device::pic8259
