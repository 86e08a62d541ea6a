// The keyboard controller, keyboard and mouse against IBM's PS/2 Hardware Interface Technical
// Reference.
#include "device/i8042/i8042.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::i8042 {
namespace {

using Bytes8 = std::vector<int>;

class I8042Test : public ::testing::Test {
 protected:
  void command(std::uint8_t value) { testing::write8(controller, I8042::kCommandStatus, 0, value); }
  void data(std::uint8_t value) { testing::write8(controller, I8042::kData, 0, value); }
  std::uint8_t status() { return testing::read8(controller, I8042::kCommandStatus, 0); }
  // Everything that waits.
  Bytes8 drain() {
    Bytes8 bytes;
    while ((status() & status::kOutputFull) != 0 && bytes.size() < 64) {
      bytes.push_back(testing::read8(controller, I8042::kData, 0));
    }
    return bytes;
  }
  void type(std::initializer_list<int> code) {
    std::vector<std::byte> bytes;
    for (const int byte : code) bytes.push_back(static_cast<std::byte>(byte));
    controller.type(bytes);
  }
  void mouse(std::uint8_t value) {
    command(0xd4);
    data(value);
  }

  testing::FakeHost host;
  I8042 controller{host};
};

TEST_F(I8042Test, SelfTestAndConfiguration) {
  command(0xaa);
  EXPECT_EQ(drain(), Bytes8{0x55});
  command(0x60);
  data(0x47);
  command(0x20);
  EXPECT_EQ(drain(), Bytes8{0x47});
  command(0xab);
  EXPECT_EQ(drain(), Bytes8{0x00});
  EXPECT_TRUE(status() & 0x10);
}

TEST_F(I8042Test, TranslatesScanCodes) {
  type({0x1c});  // A
  EXPECT_TRUE(host.line(I8042::kKeyboardLine));
  EXPECT_EQ(drain(), Bytes8{0x1e});
  EXPECT_FALSE(host.line(I8042::kKeyboardLine));
  type({0xf0, 0x1c});
  EXPECT_EQ(drain(), Bytes8{0x9e});
  type({0xe0, 0xf0, 0x75});  // release of the up arrow
  EXPECT_EQ(drain(), (Bytes8{0xe0, 0xc8}));
}

TEST_F(I8042Test, PassesScanCodesUntranslated) {
  command(0x60);
  data(0x05);
  type({0xf0, 0x1c});
  EXPECT_EQ(drain(), (Bytes8{0xf0, 0x1c}));
}

TEST_F(I8042Test, EveryByteIsAnEdge) {
  type({0xe0, 0x75});
  EXPECT_EQ(host.line_rises[I8042::kKeyboardLine], 1u);
  drain();
  EXPECT_EQ(host.line_rises[I8042::kKeyboardLine], 2u);
}

TEST_F(I8042Test, KeyboardCommands) {
  data(0xff);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0xaa}));
  data(0xf2);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0xab, 0x41}));  // 83 translated
  data(0xed);
  data(0x02);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0xfa}));
  data(0xf0);
  data(0x00);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0xfa, 0x41}));  // 02 translated
  data(0xee);
  EXPECT_EQ(drain(), Bytes8{0xee});
  data(0x01);
  EXPECT_EQ(drain(), Bytes8{0xfe});
  data(0xf5);
  drain();
  type({0x1c});
  EXPECT_EQ(drain(), Bytes8{});
}

TEST_F(I8042Test, DisabledKeyboardWaits) {
  command(0xad);
  type({0x1c});
  EXPECT_EQ(drain(), Bytes8{});
  command(0xae);
  EXPECT_EQ(drain(), Bytes8{0x1e});
}

TEST_F(I8042Test, FullBufferDropsWholeCodes) {
  for (int i = 0; i < 100; ++i) type({0xe0, 0x75});
  EXPECT_LE(drain().size(), 20u);
}

TEST_F(I8042Test, MouseReportsMovement) {
  mouse(0xff);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0xaa, 0x00}));
  mouse(0xf4);
  EXPECT_TRUE(status() & status::kAuxiliary);
  drain();
  command(0x60);
  data(0x47);
  controller.move({.x = 5, .y = -3, .buttons = 1});
  EXPECT_TRUE(host.line(I8042::kAuxiliaryLine));
  EXPECT_EQ(drain(), (Bytes8{0x29, 0x05, 0xfd}));
}

TEST_F(I8042Test, MouseWheelIsFoundByItsKnock) {
  for (const std::uint8_t rate : {200, 100, 80}) {
    mouse(0xf3);
    mouse(rate);
  }
  drain();
  mouse(0xf2);
  EXPECT_EQ(drain(), (Bytes8{0xfa, 0x03}));
  mouse(0xf4);
  drain();
  controller.move({.wheel = -1});
  EXPECT_EQ(drain(), (Bytes8{0x08, 0x00, 0x00, 0xff}));
}

TEST_F(I8042Test, PulseAndOutputPortReset) {
  command(0xfe);
  EXPECT_EQ(host.power_requests, std::vector{PowerRequest::kReset});
  command(0xd1);
  data(0xfe);
  EXPECT_EQ(host.power_requests.size(), 2u);
  command(0xff);  // pulses nothing
  EXPECT_EQ(host.power_requests.size(), 2u);
}

// An input whose events the test offers.
struct FakeInput : port::Input {
  Receiver offer;
  unsigned resumed = 0;
  void set_receiver(Receiver receive) override { offer = std::move(receive); }
  void resume() override { ++resumed; }
};

TEST_F(I8042Test, TakesKeysFromItsPort) {
  FakeInput input;
  controller.attach(input);
  EXPECT_TRUE(input.offer(port::KeyEvent{port::Key{0x04}}));  // A
  EXPECT_EQ(drain(), Bytes8{0x1e});
  EXPECT_TRUE(input.offer(port::KeyEvent{port::Key{0x52}, port::KeyMotion::kRelease}));  // up
  EXPECT_EQ(drain(), (Bytes8{0xe0, 0xc8}));
  EXPECT_TRUE(input.offer(port::KeyEvent{port::Key::kPause}));
  EXPECT_EQ(drain(), (Bytes8{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}));
  EXPECT_TRUE(input.offer(port::KeyEvent{port::Key::kPrintScreen}));
  EXPECT_EQ(drain(), (Bytes8{0xe0, 0x2a, 0xe0, 0x37}));
  EXPECT_TRUE(input.offer(port::KeyEvent{port::Key{0xff}}));  // no such key here
  EXPECT_EQ(drain(), Bytes8{});
}

TEST_F(I8042Test, FullKeyboardAsksAgainWhenItIsRead) {
  FakeInput input;
  controller.attach(input);
  const port::InputEvent key = port::KeyEvent{port::Key{0x52}};
  unsigned taken = 0;
  while (input.offer(key)) ++taken;
  EXPECT_EQ(input.resumed, 0u);
  EXPECT_EQ(drain().size(), 2 * taken);
  EXPECT_EQ(input.resumed, 1u);
  EXPECT_TRUE(input.offer(key));
}

TEST_F(I8042Test, ClicksAreNotLostInAFullMouse) {
  FakeInput input;
  controller.attach(input);
  mouse(0xf4);
  drain();
  unsigned taken = 0;
  for (std::uint8_t held = 1; input.offer(port::PointerEvent{.buttons = held}); held ^= 1) ++taken;
  EXPECT_EQ(drain().size(), 3 * taken);
  EXPECT_EQ(input.resumed, 1u);
  EXPECT_TRUE(input.offer(port::PointerEvent{.x = 5, .y = 3}));
  EXPECT_EQ(drain(), (Bytes8{0x28, 0x05, 0xfd}));
}

TEST_F(I8042Test, SaveRestore) {
  mouse(0xf4);
  type({0xe0, 0x75});
  command(0x60);
  testing::FakeHost other_host;
  I8042 other(other_host);
  testing::expect_round_trip(controller, other);
}

}  // namespace
}  // namespace orrery::device::i8042
