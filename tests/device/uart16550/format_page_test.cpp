// The example of docs/formats/machine-state.md is what the UART reads and writes.
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "device/uart16550/uart16550.hpp"
#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::uart16550 {
namespace {

std::string example_of_page() {
  std::ifstream page(ORRERY_SOURCE_DIR "/docs/formats/machine-state.md");
  std::stringstream buffer;
  buffer << page.rdbuf();
  const std::string text = buffer.str();
  const std::string opening = "```json\n";
  const std::size_t begin = text.find(opening) + opening.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

TEST(MachineStatePage, ExampleIsAUartWithTwoCharactersWaiting) {
  testing::FakeHost host;
  testing::FakeConsole console;
  Uart16550 uart(host);
  uart.attach(console);
  const State example = State::parse(example_of_page());
  const Result<> restored = uart.restore(example);
  ASSERT_TRUE(restored) << restored.error().message();
  State again = uart.save();
  EXPECT_EQ(again, example) << again.dump(2);
  EXPECT_EQ(testing::read8(uart, 0, 0), 'h');
  EXPECT_EQ(testing::read8(uart, 0, 0), 'i');
}

}  // namespace
}  // namespace orrery::device::uart16550
