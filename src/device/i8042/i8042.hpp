// The PC's keyboard controller with a keyboard and a mouse (registers.hpp names the document).
//
// Region 0: port 60h (data). Region 1: port 64h (status and command). Line 0: keyboard (IRQ 1),
// line 1: mouse (IRQ 12).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/i8042/keyboard.hpp"
#include "device/i8042/mouse.hpp"
#include "device/i8042/registers.hpp"
#include "device/i8042/scan_codes.hpp"
#include "port/input.hpp"

namespace orrery::device::i8042 {

class I8042 : public Device {
 public:
  static constexpr unsigned kData = 0;
  static constexpr unsigned kCommandStatus = 1;
  static constexpr unsigned kKeyboardLine = 0;
  static constexpr unsigned kAuxiliaryLine = 1;
  static constexpr unsigned kLines = 2;

  explicit I8042(Host& host) : host_(host) {}

  // Where a person's input comes from; outlives the controller. Before the first access.
  void attach(port::Input& input);

  // The same, by hand; with the device's lock held.
  void type(ByteSpan scan_code);
  void move(const Movement& movement);

  std::string_view name() const override { return "i8042"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint8_t configuration = configuration::kPowerUp;
    std::uint8_t output_port = kOutputPortPowerUp;
    std::uint8_t data = 0;  // what port 60h shows
    bool output_full = false;
    bool from_auxiliary = false;
    bool last_was_command = false;
    std::uint8_t command = 0;  // one that waits for its parameter; 0: none
    Translation translation;
    Keyboard keyboard;
    Mouse mouse;

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("configuration", self.configuration);
      archive("output_port", self.output_port);
      archive("data", self.data);
      archive("output_full", self.output_full);
      archive("from_auxiliary", self.from_auxiliary);
      archive("last_was_command", self.last_was_command);
      archive("command", self.command);
      archive("translation", self.translation);
      archive("keyboard", self.keyboard);
      archive("mouse", self.mouse);
    }
  };

  std::uint8_t status() const;
  std::uint8_t read_data();
  void write_data(std::uint8_t value);
  void write_parameter(Command command, std::uint8_t value);
  void write_command(std::uint8_t value);
  void write_output_port(std::uint8_t value);
  // Puts a byte where the guest reads it.
  void present(std::uint8_t value, bool from_auxiliary);
  // Takes the next byte from a device when there is room.
  void fill();
  void update_lines();
  bool receive(const port::InputEvent& event);
  // What was refused fits now.
  void offer_again();
  void set_configuration(std::uint8_t which, bool on);

  Host& host_;
  port::Input* input_ = nullptr;
  bool refused_ = false;  // an event; `input_` offers it again
  Registers r_;
};

}  // namespace orrery::device::i8042
