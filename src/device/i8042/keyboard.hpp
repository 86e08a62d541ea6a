// A PS/2 keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard"). It speaks scan
// code set 2 and remembers what else it is told.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "device/i8042/byte_queue.hpp"

namespace orrery::device::i8042 {

class Keyboard {
 public:
  // A key moves: its scan code in set 2, whole ("E0 F0 75"). Dropped while scanning is off or where
  // the buffer has no room for all of it.
  void type(ByteSpan scan_code);
  // False where type() would drop it for lack of room.
  bool has_room(std::size_t size) const { return !scanning_ || output_.room() >= size; }

  // A byte from the controller.
  void write(std::uint8_t value);

  ByteQueue& output() { return output_; }

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("output", self.output_);
    archive("command", self.command_);
    archive("scanning", self.scanning_);
    archive("indicators", self.indicators_);
    archive("rate", self.rate_);
    archive("scan_code_set", self.scan_code_set_);
  }

 private:
  void set_defaults();
  void write_parameter(std::uint8_t command, std::uint8_t value);

  ByteQueue output_;
  std::uint8_t command_ = 0;  // one that waits for its parameter; 0: none
  bool scanning_ = true;
  std::uint8_t indicators_ = 0;
  std::uint8_t rate_ = 0x2b;
  std::uint8_t scan_code_set_ = 2;
};

}  // namespace orrery::device::i8042
