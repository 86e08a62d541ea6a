// The 16550A UART: a serial line with two 16-byte FIFOs (National Semiconductor PC16550D).
//
// The line is a port::Console. Bytes go out as fast as the console takes them, whatever the divisor
// says; while it takes none, the transmitter's FIFO fills and THRE stays clear, so the guest waits.
// Bytes come in as the receiver has room, so the receiver never overruns except in loopback.
//
// Region 0: eight byte-wide registers. Line 0: the interrupt.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/uart16550/registers.hpp"
#include "port/console.hpp"

namespace orrery::device::uart16550 {

class Uart16550 : public Device {
 public:
  static constexpr unsigned kLines = 1;
  // Whoever writes there need not wait until the write has arrived: that a byte has gone is seen in
  // LSR and by the interrupt only.
  static constexpr std::uint64_t kEarlyWrite = 0;  // THR, DLL

  // HOST outlives the device.
  explicit Uart16550(Host& host);

  // Plugs a line in; without one, what is sent is swallowed. The console outlives the device.
  void attach(port::Console& console);

  std::string_view name() const override { return "uart16550"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint8_t interrupt_enable = 0;
    std::uint8_t fifo_control = 0;
    std::uint8_t line_control = 0;
    std::uint8_t modem_control = 0;
    std::uint8_t line_errors = 0;   // LSR bits 4..1
    std::uint8_t modem_status = 0;  // MSR, both halves
    std::uint8_t scratch = 0;
    std::uint16_t divisor = 1;
    bool transmitter_interrupt = false;  // THRE became true and IIR has not told yet
    bool timeout_interrupt = false;      // characters waited four character times (8.5)
    std::deque<std::uint8_t> received;
    std::deque<std::uint8_t> to_send;

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("interrupt_enable", self.interrupt_enable);
      archive("fifo_control", self.fifo_control);
      archive("line_control", self.line_control);
      archive("modem_control", self.modem_control);
      archive("line_errors", self.line_errors);
      archive("modem_status", self.modem_status);
      archive("scratch", self.scratch);
      archive("divisor", self.divisor);
      archive("transmitter_interrupt", self.transmitter_interrupt);
      archive("timeout_interrupt", self.timeout_interrupt);
      archive("received", self.received);
      archive("to_send", self.to_send);
    }
    bool valid() const { return received.size() <= kFifoDepth && to_send.size() <= kFifoDepth; }
  };

  bool divisor_latch() const { return (r_.line_control & lcr::kDivisorLatchAccess) != 0; }
  bool loopback() const { return (r_.modem_control & mcr::kLoopback) != 0; }
  bool fifos_enabled() const { return (r_.fifo_control & fcr::kEnable) != 0; }
  unsigned depth() const { return fifos_enabled() ? kFifoDepth : 1; }
  unsigned trigger_level() const;
  Ticks character_time() const;

  std::uint8_t read_register(Register which);
  void write_register(Register which, std::uint8_t value);
  std::uint8_t read_received();
  std::uint8_t read_interrupt_id();
  std::uint8_t read_line_status();
  std::uint8_t read_modem_status();
  std::uint8_t line_status() const;
  std::uint8_t interrupt_id() const;
  void write_transmit(std::uint8_t value);
  void write_fifo_control(std::uint8_t value);
  void write_modem_control(std::uint8_t value);

  void send_waiting();  // FIFO → console, as far as it takes
  bool listening() const;
  void open_or_close_line();
  void receive_waiting();                // console → FIFO, as far as there is room
  void receive(std::uint8_t character);  // a character arrives on the line
  void restart_timeout();
  void update_modem_inputs();
  void update_interrupt();

  Host& host_;
  port::Console* console_ = nullptr;
  std::unique_ptr<Timer> timeout_;
  std::unique_ptr<Timer> opening_;
  bool line_open_ = false;  // follows listening(), a little later
  Registers r_;
};

}  // namespace orrery::device::uart16550
