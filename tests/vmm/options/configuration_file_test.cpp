// Configuration files (vmm/configuration_file.hpp).
#include "vmm/options/configuration_file.hpp"

#include <gtest/gtest.h>

namespace orrery::vmm {
namespace {

std::string error_of(std::string_view text) {
  const auto settings = parse_configuration(text, "vm.toml");
  return settings ? "" : settings.error().message();
}

TEST(ConfigurationFile, TakesEveryKindOfValue) {
  const auto settings = parse_configuration(
      "kernel = \"vmlinuz\"\ncpus = 2\ndisk = [\"a\", \"b,readonly\"]\nno-reboot = true\n",
      "vm.toml");
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  const auto configuration = configure(*settings, {});
  ASSERT_TRUE(configuration.has_value()) << configuration.error().message();
  EXPECT_EQ(configuration->kernel, "vmlinuz");
  EXPECT_EQ(configuration->cpus, 2u);
  EXPECT_EQ(configuration->disks.size(), 2u);
  EXPECT_EQ(configuration->reboot, Reboot::kExit);
}

TEST(ConfigurationFile, ErrorsNameFileLineAndKey) {
  EXPECT_EQ(error_of("cpus = 1\nkernal = \"x\"\n").find("vm.toml:2: kernal"), 0u);
  EXPECT_NE(error_of("cpus = [1, 2]\n").find("cpus: takes one value"), std::string::npos);
  EXPECT_NE(error_of("cpus = 1.5\n").find("whole number"), std::string::npos);
  EXPECT_EQ(error_of("cpus = \n").find("vm.toml: not valid TOML"), 0u);
  EXPECT_EQ(error_of("= = =").find("vm.toml: not valid TOML"), 0u);
}

TEST(ConfigurationFile, NamesAMissingFile) {
  const auto settings = read_configuration_file("/nonexistent.toml");
  ASSERT_FALSE(settings.has_value());
  EXPECT_NE(settings.error().message().find("/nonexistent.toml"), std::string::npos);
}

}  // namespace
}  // namespace orrery::vmm
