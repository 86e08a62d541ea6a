// A folder for disk images, and `orrery disk` and QEMU's tools in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "cli/command.hpp"

namespace orrery::cli {

class DiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-disk-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // With "@" standing for the folder.
  std::string here(std::string text) const {
    for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) {
      text.replace(at, 1, folder_ + "/");
    }
    return text;
  }
  Outcome disk(const std::string& arguments) const { return orrery("disk " + here(arguments)); }
  void expect_done(const std::string& arguments) const {
    const Outcome outcome = disk(arguments);
    EXPECT_EQ(outcome.status, 0) << arguments << ": " << outcome.output;
  }
  void expect_refused(const std::string& arguments, const std::string& part) const {
    const Outcome outcome = disk(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  }
  void shell(const std::string& command) const {
    ASSERT_EQ(std::system(("(" + here(command) + ") >/dev/null 2>&1").c_str()), 0) << command;
  }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(folder_ + "/" + name);
  }

  std::string folder_;
};

}  // namespace orrery::cli
