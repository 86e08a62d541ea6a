// Runs the `orrery` command.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/wait.h>

namespace orrery::cli {

struct Outcome {
  int status = -1;
  std::string output;  // both streams
};

inline Outcome orrery(const std::string& arguments) {
  const std::string command = std::string(ORRERY_BINARY) + " " + arguments + " </dev/null 2>&1";
  Outcome outcome;
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), size);
  }
  const int status = ::pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

}  // namespace orrery::cli
