// The `orrery` command as a user meets it: output, errors and exit status of the binary itself.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.hpp"

namespace orrery::cli {
namespace {

class CliTest : public ::testing::Test {
 protected:
  CliTest() { std::filesystem::create_directory(folder_); }
  ~CliTest() override { std::filesystem::remove_all(folder_); }

  std::string make_file(const std::string& name, const std::string& content) {
    std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  // CODE at 7C00h in real mode, with the signature of a boot sector.
  std::string boot_sector(const std::string& code) {
    std::string sector = code;
    sector.resize(510, '\xf4');
    return make_file("sector.img", sector + "\x55\xaa");
  }

  std::string folder_ = "/tmp/orrery-cli-" + std::to_string(::getpid());
};

TEST_F(CliTest, TellsItsVersion) {
  const Outcome outcome = orrery("version");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output.find("orrery "), 0u);
  EXPECT_EQ(orrery("--version").status, 0);
}

TEST_F(CliTest, UsageErrorsNameTheFlagAndExitWithOne) {
  struct Case {
    const char* arguments;
    const char* mentions;
  };
  for (const Case& c :
       {Case{"", "--help"}, Case{"run", "--kernel"}, Case{"run --kernal x", "--kernal"},
        Case{"run --kernel /nonexistent", "/nonexistent"},
        Case{"run --kernel x --memory 5Q", "--memory"}, Case{"run --kernel x --cpus 0", "--cpus"},
        Case{"run --config /nonexistent.toml", "/nonexistent.toml"},
        Case{"completion tcsh", "tcsh"}}) {
    const Outcome outcome = orrery(c.arguments);
    EXPECT_EQ(outcome.status, 1) << c.arguments;
    EXPECT_NE(outcome.output.find(c.mentions), std::string::npos)
        << c.arguments << ": " << outcome.output;
  }
}

TEST_F(CliTest, RefusesWhatIsNoKernel) {
  const std::string path = make_file("text", "this is no kernel");
  const Outcome outcome = orrery("run --engine interpret --kernel " + path);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("--kernel"), std::string::npos);
  EXPECT_NE(outcome.output.find("not a kernel"), std::string::npos);
}

TEST_F(CliTest, DryRunPrintsTheResolvedConfiguration) {
  const std::string kernel = boot_sector("");
  const std::string config = make_file("vm.toml", "kernel = \"" + kernel + "\"\ncpus = 3\n");
  const Outcome outcome =
      orrery("run --engine interpret --memory 64M --dry-run --config " + config);
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("cpus = \"3\""), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("memory = \"64M\""), std::string::npos);
  EXPECT_NE(outcome.output.find("boot sector"), std::string::npos);
  const Outcome missing = orrery("run --dry-run --disk /nonexistent.img --config " + config);
  EXPECT_EQ(missing.status, 1);
  EXPECT_NE(missing.output.find("--disk /nonexistent.img"), std::string::npos);
}

TEST_F(CliTest, DebugExitGivesTheGuestsStatus) {
  // mov al, 21; out 0xF4, al; hlt
  const std::string kernel = boot_sector("\xb0\x15\xe6\xf4\xf4");
  EXPECT_EQ(orrery("run --engine interpret --debug-exit --kernel " + kernel).status, 43);
}

TEST_F(CliTest, FirmwareStartsAtTheResetVector) {
  // 16 bytes below 4 GiB: jmp far F000:0000, which is in the copy below 1 MiB.
  //   mov al, 21; out 0xF4, al; hlt
  std::string image(64 * 1024, '\xf4');
  image.replace(0, 4, "\xb0\x15\xe6\xf4");
  image.replace(image.size() - 16, 5, std::string("\xea\x00\x00\x00\xf0", 5));
  const std::string path = make_file("bios.bin", image);
  EXPECT_EQ(orrery("run --engine interpret --debug-exit --firmware " + path).status, 43);
  const Outcome both = orrery("run --kernel x --firmware " + path);
  EXPECT_EQ(both.status, 1);
  EXPECT_NE(both.output.find("--firmware"), std::string::npos);
  const Outcome odd = orrery("run --firmware " + make_file("odd.bin", "123"));
  EXPECT_NE(odd.output.find("no firmware image"), std::string::npos) << odd.output;
}

TEST_F(CliTest, ConsoleOutputArrivesBeforeTheEnd) {
  // mov dx, 0x3f8; mov al, 'H'; out dx, al; mov al, 'i'; out dx, al; out 0xF4, al
  const std::string code = "\xba\xf8\x03\xb0H\xee\xb0i\xee\xe6\xf4";
  const Outcome outcome =
      orrery("run --engine interpret --debug-exit --kernel " + boot_sector(code));
  EXPECT_EQ(outcome.output, "Hi");
}

TEST_F(CliTest, TripleFaultExitsWithTwoAndPrintsTheState) {
  // lidt [0x7d00] (zeroes: limit 0); int3. With no interrupt table nothing can be delivered.
  const std::string code("\x0f\x01\x1e\x00\x7e\xcc", 6);
  const Outcome outcome = orrery("run --engine interpret --kernel " + boot_sector(code));
  EXPECT_EQ(outcome.status, 2) << outcome.output;
  EXPECT_NE(outcome.output.find("triple fault"), std::string::npos) << outcome.output;
}

TEST_F(CliTest, ResetEndsWithZeroWhenRebootsAreOff) {
  // mov al, 0xFE; out 0x64, al: the keyboard controller's reset line.
  const std::string kernel = boot_sector("\xb0\xfe\xe6\x64\xf4");
  EXPECT_EQ(orrery("run --engine interpret --no-reboot --kernel " + kernel).status, 0);
}

TEST_F(CliTest, ResetRestartsTheMachine) {
  // The first time round: remember it at 0x500, reset. The second time: exit with status 3.
  //   cmp byte [0x500], 7; je again; mov byte [0x500], 7; mov al, 0xFE; out 0x64, al; hlt
  //   again: mov al, 1; out 0xF4, al
  const std::string code(
      "\x80\x3e\x00\x05\x07\x74\x0a\xc6\x06\x00\x05\x07\xb0\xfe\xe6\x64\xf4\xb0\x01\xe6\xf4", 21);
  const Outcome outcome =
      orrery("run --engine interpret --debug-exit --kernel " + boot_sector(code));
  EXPECT_EQ(outcome.status, 3) << outcome.output;
}

TEST_F(CliTest, DocumentsNameEveryOption) {
  const std::string help = orrery("run --help").output;
  for (const char* document : {"docs/orrery-run.md", "docs/man/orrery.1"}) {
    std::ifstream file(std::string(ORRERY_SOURCE) + "/" + document);
    std::ostringstream content;
    content << file.rdbuf();
    std::string text = content.str();
    std::erase(text, '\\');  // man pages write \-\-kernel
    ASSERT_FALSE(text.empty()) << document;
    for (std::size_t at = help.find("  --"); at != std::string::npos;
         at = help.find("  --", at + 1)) {
      const std::string option = help.substr(at + 2, help.find_first_of(" \n", at + 2) - at - 2);
      EXPECT_NE(text.find(option), std::string::npos) << document << ": " << option;
    }
  }
}

TEST_F(CliTest, CompletionsKnowEveryOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = orrery(std::string("completion ") + shell);
    EXPECT_EQ(outcome.status, 0);
    for (const char* option : {"kernel", "disk", "no-reboot", "config", "dry-run"}) {
      EXPECT_NE(outcome.output.find(option), std::string::npos) << shell << ' ' << option;
    }
  }
  const std::string script = make_file("bash", orrery("completion bash").output);
  EXPECT_EQ(std::system(("bash -n " + script).c_str()), 0);
}

}  // namespace
}  // namespace orrery::cli
