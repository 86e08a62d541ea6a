// Whole programs in machine code, each through several modes: what they log to a port is compared
// with the list in their first line (programs/*.asm).
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "hypervisor/soft/interpret/bare_machine.hpp"
#include "hypervisor/soft/translate/options.hpp"

namespace orrery::hypervisor::soft {
namespace {

constexpr std::uint64_t kLoadAddress = 0x7c00;
constexpr std::uint16_t kLogPort = 0xe9;

std::vector<std::byte> read_image(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string text = content.str();
  const ByteSpan bytes = as_bytes(text.data(), text.size());
  return {bytes.begin(), bytes.end()};
}

// The numbers of ";! expect: 1 2 ..." in the source, as text.
std::string read_expectation(const std::filesystem::path& source) {
  std::ifstream file(source);
  std::string line;
  std::getline(file, line);
  constexpr std::string_view kHead = ";! expect: ";
  return line.starts_with(kHead) ? line.substr(kHead.size()) : "no expectation in " + line;
}

struct Engine {
  const char* suffix;
  std::optional<translate::Options> translation;  // everything is translated at once
};
constexpr Engine kEngines[] = {
    {"", std::nullopt},
    {"_translated", translate::Options{.hot_after = 0, .exact_flags = true}},
    {"_translated_beside", translate::Options{.hot_after = 0, .exact_flags = true, .beside = true}},
};

class Program : public testing::TestWithParam<std::tuple<const char*, Engine>> {};

TEST_P(Program, LogsWhatItShould) {
  BareMachine machine;
  const std::string name = std::get<0>(GetParam());
  if (const auto& translation = std::get<1>(GetParam()).translation) {
    ASSERT_TRUE(machine.cpu().use_translator(*translation));
  }
  const auto image = read_image(std::filesystem::path(ORRERY_PROGRAMS) / (name + ".bin"));
  ASSERT_FALSE(image.empty());
  machine.load(kLoadAddress, image);

  x86::CpuState state = x86::reset_state();
  state.rip = kLoadAddress;
  state[x86::SegmentRegister::kCs].selector = 0;
  state[x86::SegmentRegister::kCs].base = 0;
  machine.cpu().import_state(state);
  const Exit exit = machine.run();

  std::ostringstream log;
  for (const PortWrite& write : machine.writes()) {
    if (write.port != kLogPort) continue;
    log << (log.str().empty() ? "" : " ") << std::hex << write.value;
  }
  if (std::holds_alternative<TripleFault>(exit)) log << " triple";
  EXPECT_EQ(log.str(),
            read_expectation(std::filesystem::path(ORRERY_PROGRAM_SOURCES) / (name + ".asm")))
      << "at " << std::hex << machine.cpu().export_state().rip;
}

INSTANTIATE_TEST_SUITE_P(All, Program,
                         testing::Combine(testing::Values(ORRERY_PROGRAM_NAMES),
                                          testing::ValuesIn(kEngines)),
                         [](const auto& program) {
                           return std::string(std::get<0>(program.param)) +
                                  std::get<1>(program.param).suffix;
                         });

}  // namespace
}  // namespace orrery::hypervisor::soft
