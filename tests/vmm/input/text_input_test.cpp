// Keyboard and mouse from lines of text (vmm/input/), and the example of docs/formats/input.md.
#include "vmm/input/text_input.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "port/keys.hpp"
#include "support/fake_host.hpp"

namespace orrery::vmm {
namespace {

using port::KeyMotion;

port::InputEvent down(unsigned usage) {
  return port::KeyEvent{static_cast<port::Key>(usage), KeyMotion::kPress};
}
port::InputEvent up(unsigned usage) {
  return port::KeyEvent{static_cast<port::Key>(usage), KeyMotion::kRelease};
}

class TextInputTest : public ::testing::Test {
 protected:
  TextInputTest() {
    input.set_receiver([this](const port::InputEvent& event) {
      if (room == 0) return false;
      --room;
      events.push_back(event);
      return true;
    });
  }

  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  testing::FakeConsole stream;
  TextInput input{*loop, stream};
  std::vector<port::InputEvent> events;
  std::size_t room = SIZE_MAX;
};

std::string example_of_page() {
  std::ifstream page(ORRERY_SOURCE_DIR "/docs/formats/input.md");
  std::stringstream buffer;
  buffer << page.rdbuf();
  const std::string text = buffer.str();
  const std::string opening = "```\n";
  const std::size_t begin = text.find(opening) + opening.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

TEST_F(TextInputTest, ExampleOfThePage) {
  stream.type(example_of_page());
  const std::vector<port::InputEvent> expected{down(0x04),
                                               up(0x04),
                                               down(0xe1),
                                               down(0x05),
                                               up(0x05),
                                               up(0xe1),
                                               down(0xe0),
                                               down(0x06),
                                               up(0x06),
                                               up(0xe0),
                                               port::PointerEvent{.x = 5, .y = -3},
                                               port::PointerEvent{.buttons = 1},
                                               port::PointerEvent{}};
  EXPECT_EQ(events, expected);
  EXPECT_EQ(stream.output,
            "ok\nok\nok\nok\nok\nok\n"
            "error: \"Escap\" is not a key; keys are named by place, such as KeyA, Digit1, Enter, "
            "ArrowUp, ShiftLeft, MouseLeft\n");
}

TEST_F(TextInputTest, WaitsForTheDeviceAndLosesNothing) {
  room = 3;
  stream.type("type ab\ntype c\n");
  EXPECT_EQ(events, (std::vector{down(0x04), up(0x04), down(0x05)}));
  EXPECT_EQ(stream.output, "");
  room = SIZE_MAX;
  input.resume();
  EXPECT_EQ(events.size(), 3u);  // never inside the call
  loop->poll();
  EXPECT_EQ(events,
            (std::vector{down(0x04), up(0x04), down(0x05), up(0x05), down(0x06), up(0x06)}));
  EXPECT_EQ(stream.output, "ok\nok\n");
}

TEST_F(TextInputTest, LinesComeInPieces) {
  stream.type("tap K");
  stream.type("eyA\r");
  EXPECT_TRUE(events.empty());
  stream.type("\n\n");
  EXPECT_EQ(events, (std::vector{down(0x04), up(0x04)}));
  EXPECT_EQ(stream.output, "ok\nok\n");
}

TEST_F(TextInputTest, ButtonsAreHeldWhileTheMouseMoves) {
  stream.type("press MouseRight\nmove 1 2\nwheel -1\nrelease MouseRight\n");
  EXPECT_EQ(events,
            (std::vector<port::InputEvent>{
                port::PointerEvent{.buttons = 2}, port::PointerEvent{.x = 1, .y = 2, .buttons = 2},
                port::PointerEvent{.wheel = -1, .buttons = 2}, port::PointerEvent{}}));
}

TEST_F(TextInputTest, RefusesWhatItDoesNotKnow) {
  for (const char* line :
       {"tap", "tap keya", "press KeyA KeyB", "move 1", "move 1 2 3", "move 40000 0", "wheel up",
        "type \x01", "type \xc3\xa4", "dance", " tap KeyA"}) {
    stream.output.clear();
    stream.type(std::string(line) + "\n");
    EXPECT_TRUE(stream.output.starts_with("error: ")) << line << ": " << stream.output;
    EXPECT_TRUE(events.empty()) << line;
  }
}

TEST_F(TextInputTest, OverlongLineIsOneError) {
  stream.type(std::string(5000, 'x') + "\ntap KeyA\n");
  EXPECT_EQ(stream.output, "error: a line has at most 1024 characters\nok\n");
  EXPECT_EQ(events.size(), 2u);
}

TEST(Keys, NamesAndPlacesAreUnique) {
  std::set<std::string_view> names;
  std::set<port::Key> keys;
  for (const port::KeyRow& row : port::kKeys) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(keys.insert(row.key).second) << row.name;
  }
  for (char c = ' '; c < 0x7f; ++c) {
    EXPECT_EQ(std::count_if(std::begin(port::kKeys), std::end(port::kKeys),
                            [&](const auto& row) {
                              return row.plain != 0 && (row.plain == c || row.shifted == c);
                            }),
              1)
        << c;
  }
}

}  // namespace
}  // namespace orrery::vmm
