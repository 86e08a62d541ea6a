// A folder of a test's own, gone with it; in memory where the host has a place for that, because
// tests with disks sync a lot.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace orrery::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const bool memory = std::filesystem::is_directory("/dev/shm", error);
    path_ = std::string(memory ? "/dev/shm" : "/tmp") + "/orrery-test-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace orrery::testing
