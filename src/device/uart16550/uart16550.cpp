#include "device/uart16550/uart16550.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace orrery::device::uart16550 {

Uart16550::Uart16550(Host& host)
    : host_(host),
      timeout_(host.create_timer([this] {
        r_.timeout_interrupt = !r_.received.empty();
        update_interrupt();
      })),
      opening_(host.create_timer([this] {
        line_open_ = listening();
        receive_waiting();
        update_interrupt();
      })) {}

void Uart16550::attach(port::Console& console) {
  console_ = &console;
  update_modem_inputs();
  r_.modem_status &= static_cast<std::uint8_t>(~msr::kDeltas);
  console.set_callbacks(host_.serialized([this] {
    receive_waiting();
    update_interrupt();
  }),
                        host_.serialized([this] {
                          send_waiting();
                          update_interrupt();
                        }));
}

void Uart16550::reset() {
  const std::uint8_t scratch = r_.scratch;  // not touched by master reset (table I)
  r_ = {};
  r_.scratch = scratch;
  timeout_->cancel();
  open_or_close_line();
  update_modem_inputs();
  r_.modem_status &= static_cast<std::uint8_t>(~msr::kDeltas);
  update_interrupt();
}

unsigned Uart16550::trigger_level() const {
  return fifos_enabled() ? kTriggerLevels[r_.fifo_control >> fcr::kTriggerShift] : 1;
}

// Start bit, 5 to 8 data bits, parity, 1 or 2 stop bits at the programmed rate (8.1, 8.3).
Ticks Uart16550::character_time() const {
  std::int64_t length = 1 + 5 + (r_.line_control & lcr::kWordLength) + 1;
  if ((r_.line_control & lcr::kParity) != 0) ++length;
  if ((r_.line_control & lcr::kTwoStopBits) != 0) ++length;
  const std::int64_t divisor = r_.divisor == 0 ? 0x1'0000 : r_.divisor;
  return Ticks(length * divisor * 16 * kTicksPerSecond.value() / kCrystal);
}

std::uint64_t Uart16550::read(unsigned /*region*/, std::uint64_t offset, Width width) {
  if (width != Width::k8 || offset > 7) return mask_of(width);
  const std::uint8_t value = read_register(static_cast<Register>(offset));
  update_interrupt();
  return value;
}

void Uart16550::write(unsigned /*region*/, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k8 || offset > 7) return;
  write_register(static_cast<Register>(offset), static_cast<std::uint8_t>(value));
  update_interrupt();
}

std::uint8_t Uart16550::read_register(Register which) {
  switch (which) {
    case Register::kData:
      return divisor_latch() ? static_cast<std::uint8_t>(r_.divisor) : read_received();
    case Register::kInterruptEnable:
      return divisor_latch() ? static_cast<std::uint8_t>(r_.divisor >> 8) : r_.interrupt_enable;
    case Register::kInterruptId: return read_interrupt_id();
    case Register::kLineControl: return r_.line_control;
    case Register::kModemControl: return r_.modem_control;
    case Register::kLineStatus: return read_line_status();
    case Register::kModemStatus: return read_modem_status();
    case Register::kScratch: return r_.scratch;
  }
  return 0xff;
}

void Uart16550::write_register(Register which, std::uint8_t value) {
  switch (which) {
    case Register::kData:
      if (divisor_latch()) {
        r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0xff00) | value);
      } else {
        write_transmit(value);
      }
      break;
    case Register::kInterruptEnable:
      if (divisor_latch()) {
        r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0x00ff) | (value << 8));
      } else {
        // Enabling while the transmitter is empty raises the interrupt at once (8.6, table III).
        const bool newly = (value & ~r_.interrupt_enable & ier::kTransmitterEmpty) != 0;
        if (newly && r_.to_send.empty()) r_.transmitter_interrupt = true;
        r_.interrupt_enable = value & ier::kDefined;
        open_or_close_line();
      }
      break;
    case Register::kInterruptId: write_fifo_control(value); break;
    case Register::kLineControl: r_.line_control = value; break;
    case Register::kModemControl: write_modem_control(value); break;
    case Register::kLineStatus:
    case Register::kModemStatus: break;  // read-only in normal operation (8.4, 8.9)
    case Register::kScratch: r_.scratch = value; break;
  }
}

std::uint8_t Uart16550::read_received() {
  std::uint8_t value = 0;
  if (!r_.received.empty()) {
    value = r_.received.front();
    r_.received.pop_front();
  }
  r_.timeout_interrupt = false;
  receive_waiting();
  restart_timeout();
  return value;
}

std::uint8_t Uart16550::read_interrupt_id() {
  const std::uint8_t value = interrupt_id();
  if ((value & 0x0f) == iir::kTransmitterEmpty) r_.transmitter_interrupt = false;
  return value;
}

std::uint8_t Uart16550::read_line_status() {
  const std::uint8_t value = line_status();
  r_.line_errors = 0;
  return value;
}

std::uint8_t Uart16550::read_modem_status() {
  const std::uint8_t value = r_.modem_status;
  r_.modem_status &= static_cast<std::uint8_t>(~msr::kDeltas);
  return value;
}

std::uint8_t Uart16550::line_status() const {
  std::uint8_t value = r_.line_errors;
  if (!r_.received.empty()) value |= lsr::kDataReady;
  if (r_.to_send.empty()) value |= lsr::kTransmitterHoldingEmpty | lsr::kTransmitterEmpty;
  return value;
}

std::uint8_t Uart16550::interrupt_id() const {
  const std::uint8_t fifos = fifos_enabled() ? iir::kFifosEnabled : 0;
  const auto enabled = [this](std::uint8_t which) { return (r_.interrupt_enable & which) != 0; };
  if (enabled(ier::kLineStatus) && r_.line_errors != 0) return fifos | iir::kLineStatus;
  if (enabled(ier::kReceivedData)) {
    if (r_.received.size() >= trigger_level()) return fifos | iir::kReceivedData;
    if (r_.timeout_interrupt) return fifos | iir::kCharacterTimeout;
  }
  if (enabled(ier::kTransmitterEmpty) && r_.transmitter_interrupt) {
    return fifos | iir::kTransmitterEmpty;
  }
  if (enabled(ier::kModemStatus) && (r_.modem_status & msr::kDeltas) != 0) {
    return fifos | iir::kModemStatus;
  }
  return fifos | iir::kNone;
}

void Uart16550::write_transmit(std::uint8_t value) {
  r_.transmitter_interrupt = false;
  if (loopback()) {
    receive(value);
    r_.transmitter_interrupt = true;
    return;
  }
  // A write into a full FIFO replaces the newest byte, as the shift into the holding register does.
  if (r_.to_send.size() >= depth()) r_.to_send.pop_back();
  r_.to_send.push_back(value);
  send_waiting();
}

void Uart16550::write_fifo_control(std::uint8_t value) {
  const bool toggled = ((value ^ r_.fifo_control) & fcr::kEnable) != 0;
  if (toggled || (value & fcr::kResetReceiver) != 0) {
    r_.received.clear();
    r_.timeout_interrupt = false;
    timeout_->cancel();
  }
  if (toggled || (value & fcr::kResetTransmitter) != 0) {
    if (!r_.to_send.empty()) r_.transmitter_interrupt = true;
    r_.to_send.clear();
  }
  // The other bits are only programmed together with the enable bit (8.5).
  r_.fifo_control = (value & fcr::kEnable) != 0 ? value & fcr::kStored : 0;
  receive_waiting();
}

void Uart16550::write_modem_control(std::uint8_t value) {
  r_.modem_control = value & mcr::kDefined;
  update_modem_inputs();
  open_or_close_line();
  receive_waiting();
}

void Uart16550::send_waiting() {
  if (r_.to_send.empty()) return;
  std::array<std::byte, kFifoDepth> bytes;
  std::ranges::transform(r_.to_send, bytes.begin(), [](std::uint8_t b) { return std::byte{b}; });
  const std::size_t size = r_.to_send.size();
  const std::size_t sent =
      console_ == nullptr ? size : console_->write(ByteSpan(bytes.data(), size));
  r_.to_send.erase(r_.to_send.begin(),
                   r_.to_send.begin() + static_cast<std::ptrdiff_t>(std::min(sent, size)));
  if (r_.to_send.empty()) r_.transmitter_interrupt = true;
}

// Whether somebody listens: software that opens the line raises RTS, which holds the other side's
// sender back until then (hardware flow control, TIA-232), or has itself interrupted, for which
// OUT2 must open the way. Before, and while a driver probes the chip and clears its FIFOs, the
// bytes wait in the console and none is lost.
bool Uart16550::listening() const {
  const bool interrupts =
      (r_.interrupt_enable & ier::kReceivedData) != 0 && (r_.modem_control & mcr::kOut2) != 0;
  return interrupts || (r_.modem_control & mcr::kRequestToSend) != 0;
}

void Uart16550::open_or_close_line() {
  // Drivers read the receiver empty once more after they have raised RTS. They are done long before
  // this, and it is shorter than a person notices.
  constexpr Ticks kOpeningTime{10'000'000};
  if (!listening()) {
    line_open_ = false;
    opening_->cancel();
  } else if (!line_open_) {
    opening_->arm(host_.now() + kOpeningTime.value());
  }
}

void Uart16550::receive_waiting() {
  if (console_ == nullptr || loopback() || !line_open_) return;
  const std::size_t used = r_.received.size();
  if (used >= depth()) return;
  std::array<std::byte, kFifoDepth> bytes;
  const std::size_t room = depth() - used;
  const std::size_t count = std::min(console_->read(MutableByteSpan(bytes.data(), room)), room);
  for (std::size_t i = 0; i < count; ++i) receive(std::to_integer<std::uint8_t>(bytes[i]));
}

void Uart16550::receive(std::uint8_t character) {
  if (r_.received.size() >= depth()) {
    r_.line_errors |= lsr::kOverrun;
    // Without FIFOs the new character replaces the old one; with them it is lost (8.4, bit 1).
    if (!fifos_enabled()) r_.received.back() = character;
    return;
  }
  r_.received.push_back(character);
  restart_timeout();
}

// Four character times after the last character came or was read, if some still wait (8.5).
void Uart16550::restart_timeout() {
  if (fifos_enabled() && !r_.received.empty()) {
    timeout_->arm(host_.now() + 4 * character_time().value());
  } else {
    timeout_->cancel();
  }
}

void Uart16550::update_modem_inputs() {
  std::uint8_t inputs = 0;
  if (loopback()) {
    // RTS, DTR, OUT1 and OUT2 come back as CTS, DSR, RI and DCD (8.8, bit 4).
    if ((r_.modem_control & mcr::kRequestToSend) != 0) inputs |= msr::kClearToSend;
    if ((r_.modem_control & mcr::kDataTerminalReady) != 0) inputs |= msr::kDataSetReady;
    if ((r_.modem_control & mcr::kOut1) != 0) inputs |= msr::kRingIndicator;
    if ((r_.modem_control & mcr::kOut2) != 0) inputs |= msr::kCarrierDetect;
  } else if (console_ != nullptr) {
    inputs = msr::kClearToSend | msr::kDataSetReady | msr::kCarrierDetect;
  }
  // Deltas lie four bits below their inputs; the ring indicator counts trailing edges only.
  std::uint8_t changed = (r_.modem_status ^ inputs) & static_cast<std::uint8_t>(~msr::kDeltas);
  if ((inputs & msr::kRingIndicator) != 0) {
    changed &= static_cast<std::uint8_t>(~msr::kRingIndicator);
  }
  r_.modem_status =
      static_cast<std::uint8_t>(inputs | (r_.modem_status & msr::kDeltas) | (changed >> 4));
}

// OUT2 gates the interrupt on a PC, and loopback forces the OUT2 pin inactive (8.8).
void Uart16550::update_interrupt() {
  const bool gate = (r_.modem_control & mcr::kOut2) != 0 && !loopback();
  host_.set_line(0, gate && (interrupt_id() & iir::kNone) == 0);
}

}  // namespace orrery::device::uart16550
