// The 16550A against its datasheet (PC16550D, section numbers in the names' comments).
#include "device/uart16550/uart16550.hpp"

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::uart16550 {
namespace {

using testing::read8;
using testing::write8;

enum : unsigned { kRbr, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScr };

class Uart16550Test : public ::testing::Test {
 protected:
  Uart16550Test() { uart.attach(console); }
  std::uint8_t in(unsigned offset) { return read8(uart, 0, offset); }
  void out(unsigned offset, std::uint8_t value) { write8(uart, 0, offset, value); }
  // RTS, and the time after which the other side believes it.
  void open_line() {
    out(kMcr, 0x02);
    host.advance(Ticks(10'000'000));
  }
  void enable_fifos(std::uint8_t trigger = 0) {
    out(kIir, static_cast<std::uint8_t>(0x07 | trigger << 6));
  }

  testing::FakeHost host;
  testing::FakeConsole console;
  Uart16550 uart{host};
};

TEST_F(Uart16550Test, ResetValues) {  // table I
  EXPECT_EQ(in(kIer), 0);
  EXPECT_EQ(in(kIir), 0x01);
  EXPECT_EQ(in(kLcr), 0);
  EXPECT_EQ(in(kMcr), 0);
  EXPECT_EQ(in(kLsr), 0x60);
  EXPECT_EQ(in(kMsr), 0xb0);  // a console holds CTS, DSR and DCD
}

TEST_F(Uart16550Test, SendsAtOnce) {
  for (const char c : {'h', 'i'}) out(kRbr, static_cast<std::uint8_t>(c));
  EXPECT_EQ(console.output, "hi");
  EXPECT_EQ(in(kLsr), 0x60);
}

TEST_F(Uart16550Test, DivisorLatchHidesDataAndInterruptEnable) {  // 8.3
  out(kLcr, 0x83);
  out(0, 0x01);
  out(1, 0x02);
  EXPECT_EQ(in(0), 0x01);
  EXPECT_EQ(in(1), 0x02);
  out(kLcr, 0x03);
  EXPECT_EQ(in(kIer), 0);
  EXPECT_EQ(console.output, "");
}

TEST_F(Uart16550Test, TransmitterInterruptIsClearedByReadingItsIdentification) {  // 8.6
  out(kMcr, 0x08);
  out(kIer, 0x02);
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(in(kIir), 0x02);
  EXPECT_FALSE(host.line(0));
  EXPECT_EQ(in(kIir), 0x01);
  out(kRbr, 'x');
  EXPECT_TRUE(host.line(0));
}

TEST_F(Uart16550Test, Out2GatesTheInterrupt) {
  out(kIer, 0x02);
  EXPECT_FALSE(host.line(0));
  out(kMcr, 0x08);
  EXPECT_TRUE(host.line(0));
}

TEST_F(Uart16550Test, FullConsoleHoldsTheTransmitter) {  // 8.4, THRE and TEMT
  enable_fifos();
  out(kMcr, 0x08);
  console.room = 0;
  out(kRbr, 'a');
  out(kRbr, 'b');
  EXPECT_EQ(in(kLsr)&0x60, 0);
  out(kIer, 0x02);
  EXPECT_FALSE(host.line(0));
  console.drain(10);
  EXPECT_EQ(console.output, "ab");
  EXPECT_EQ(in(kLsr)&0x60, 0x60);
  EXPECT_TRUE(host.line(0));
}

TEST_F(Uart16550Test, ReceivesWithoutFifos) {
  open_line();
  out(kMcr, 0x0a);
  out(kIer, 0x01);
  console.type("ab");
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(in(kIir), 0x04);
  EXPECT_EQ(in(kLsr)&1, 1);
  EXPECT_EQ(in(kRbr), 'a');
  EXPECT_EQ(in(kRbr), 'b');
  EXPECT_EQ(in(kLsr)&1, 0);
  EXPECT_FALSE(host.line(0));
}

TEST_F(Uart16550Test, TriggerLevelAndCharacterTimeout) {  // 8.5
  open_line();
  out(kMcr, 0x0a);
  out(kLcr, 0x03);
  enable_fifos(1);  // four characters
  out(kIer, 0x01);
  console.type("abc");
  EXPECT_FALSE(host.line(0));
  // 115200 baud, 10 bits: 86.8 us per character.
  host.advance(Ticks(340'000));
  EXPECT_FALSE(host.line(0));
  host.advance(Ticks(10'000));
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(in(kIir), 0xcc);
  EXPECT_EQ(in(kRbr), 'a');
  EXPECT_FALSE(host.line(0));
  console.type("de");
  EXPECT_EQ(in(kIir), 0xc4);
}

TEST_F(Uart16550Test, HoldsInputBackUntilSomebodyListens) {
  console.type("abc");
  enable_fifos();  // a driver probes, and clears the FIFOs
  out(kIer, 0x0f);
  out(kIer, 0);
  EXPECT_EQ(console.waiting(), 3u);
  out(kMcr, 0x02);  // RTS; and the driver reads once more
  EXPECT_EQ(in(kRbr), 0);
  host.advance(Ticks(10'000'000));
  EXPECT_EQ(console.waiting(), 0u);
  EXPECT_EQ(in(kRbr), 'a');
}

TEST_F(Uart16550Test, FifoHoldsSixteenAndTheRestWaitsOutside) {
  open_line();
  enable_fifos(3);
  console.type("0123456789abcdefghij");
  EXPECT_EQ(console.waiting(), 4u);
  std::string received;
  while ((in(kLsr)&1) != 0) received += static_cast<char>(in(kRbr));
  EXPECT_EQ(received, "0123456789abcdefghij");
}

TEST_F(Uart16550Test, FifoControlResetsAndNeedsItsEnableBit) {  // 8.5
  open_line();
  enable_fifos(3);
  console.type("abc");
  out(kIir, 0x03);
  EXPECT_EQ(in(kLsr)&1, 0);
  EXPECT_EQ(in(kIir)&0xc0, 0xc0);
  out(kIir, 0xc0);
  EXPECT_EQ(in(kIir)&0xc0, 0);
}

TEST_F(Uart16550Test, LoopbackBringsBackDataAndModemSignals) {  // 8.8
  out(kMcr, 0x1a);                                              // loopback, RTS, OUT2
  EXPECT_EQ(in(kMsr)&0xf0, 0x90);
  out(kMcr, 0x1f);
  EXPECT_EQ(in(kMsr)&0xf0, 0xf0);
  EXPECT_EQ(in(kMsr)&0x0f, 0);  // reading clears the deltas
  out(kRbr, 0x5a);
  EXPECT_EQ(in(kRbr), 0x5a);
  EXPECT_EQ(console.output, "");
  out(kRbr, 1);
  out(kRbr, 2);
  EXPECT_EQ(in(kLsr)&0x02, 0x02);  // overrun
  EXPECT_EQ(in(kLsr)&0x02, 0);
}

TEST_F(Uart16550Test, RingIndicatorCountsTrailingEdges) {  // 8.9, bit 2
  out(kMcr, 0x14);
  in(kMsr);
  out(kMcr, 0x10);
  EXPECT_EQ(in(kMsr)&0x0f, 0x04);
}

TEST_F(Uart16550Test, InterruptPriorities) {  // table III
  out(kMcr, 0x10);
  in(kMsr);
  out(kIer, 0x0f);
  out(kMcr, 0x12);  // DCTS
  out(kRbr, 1);
  out(kRbr, 2);  // overrun
  EXPECT_EQ(in(kIir), 0x06);
  in(kLsr);
  EXPECT_EQ(in(kIir), 0x04);
  in(kRbr);
  EXPECT_EQ(in(kIir), 0x02);
  EXPECT_EQ(in(kIir), 0x00);
  in(kMsr);
  EXPECT_EQ(in(kIir), 0x01);
}

TEST_F(Uart16550Test, ScratchAndUnusedWidths) {
  out(kScr, 0xa5);
  EXPECT_EQ(in(kScr), 0xa5);
  EXPECT_EQ(uart.read(0, 0, Width::k32), 0xffff'ffffu);
}

TEST_F(Uart16550Test, SaveRestore) {
  open_line();
  enable_fifos(2);
  out(kMcr, 0x0a);
  out(kIer, 0x01);
  console.type("abc");
  console.room = 0;
  out(kRbr, 'z');
  testing::FakeHost other_host;
  testing::FakeConsole other_console;
  other_console.room = 0;
  Uart16550 other(other_host);
  other.attach(other_console);
  testing::expect_round_trip(uart, other);
  other_host.advance(Ticks(1'000'000));
  EXPECT_TRUE(other_host.line(0));
  EXPECT_EQ(read8(other, 0, kRbr), 'a');
}

TEST_F(Uart16550Test, RestoredGoesOnWithItsConsole) {
  open_line();
  enable_fifos();
  out(kMcr, 0x0a);
  out(kIer, 0x02);
  console.room = 0;
  out(kRbr, 'y');
  out(kRbr, 'z');
  testing::FakeHost other_host;
  testing::FakeConsole other_console;
  Uart16550 other(other_host);
  other.attach(other_console);
  other_console.type("ab");  // nobody listens yet
  ASSERT_TRUE(other.restore(uart.save()));
  EXPECT_EQ(other.save(), uart.save()) << "nothing goes out before the machine is whole";
  other_host.run_posted();
  EXPECT_EQ(other_console.output, "yz");
  EXPECT_TRUE(other_host.line(0)) << "the guest is not told that its transmitter is empty";
  EXPECT_EQ(read8(other, 0, kRbr), 'a');
}

}  // namespace
}  // namespace orrery::device::uart16550
