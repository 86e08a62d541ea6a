// The host code that is emitted for a chosen set of blocks, NAME.asm, is what NAME.txt says: a
// change to the emitter shows there what it does. ORRERY_UPDATE_GOLDEN=1 in the environment writes
// the files anew; read the difference before committing it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../long_mode.hpp"
#include "base/format.hpp"
#include "host_listing.hpp"
#include "hypervisor/soft/translate/lockstep_report.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& file : fs::directory_iterator(ORRERY_GOLDEN_SOURCES)) {
    if (file.path().extension() == ".asm") found.push_back(file.path().stem());
  }
  return found;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, EmitsWhatTheFileSays) {
  BareMachine machine;
  put_tables(machine);
  const std::string code = read_file(fs::path(ORRERY_GOLDEN_IMAGES) / (GetParam() + ".bin"));
  ASSERT_FALSE(code.empty());
  const ByteSpan guest = std::as_bytes(std::span(code));
  machine.load(kCode, guest);
  machine.cpu().import_state(long_mode());

  const auto translator =
      Translator::create(machine.cpu(), {.counted = GetParam().starts_with("counted")});
  ASSERT_TRUE(translator);
  ASSERT_TRUE((*translator)->translate());
  const std::string text =
      format("guest:{}\n\nhost:\n{}", listing(guest, kCode), host_listing(**translator, kCode));

  const fs::path golden = fs::path(ORRERY_GOLDEN_SOURCES) / (GetParam() + ".txt");
  if (std::getenv("ORRERY_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << text;
  EXPECT_EQ(text, read_file(golden));
}

INSTANTIATE_TEST_SUITE_P(Blocks, GoldenTest, testing::ValuesIn(names()),
                         [](const auto& golden) { return golden.param; });

}  // namespace
}  // namespace orrery::hypervisor::soft::translate
