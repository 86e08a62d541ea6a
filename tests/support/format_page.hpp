// The examples of the pages in docs/formats/, as bytes.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/format.hpp"

namespace orrery {

// What stands on PAGE ("store.md") under "### HEADING": lines of four blanks and hexadecimal
// digits.
inline std::vector<std::byte> format_example(const std::string& page, const std::string& heading) {
  std::ifstream file(std::string(ORRERY_SOURCE_DIR) + "/docs/formats/" + page);
  std::string line;
  std::vector<std::byte> bytes;
  while (std::getline(file, line) && line != "### " + heading) {
  }
  while (std::getline(file, line) && !line.starts_with("#")) {
    if (!line.starts_with("    ")) continue;
    std::string digits;
    for (const char c : line.substr(0, line.find(';'))) {
      if (c != ' ') digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
  }
  return bytes;
}

// The block of JSON that stands on PAGE under "### HEADING".
inline std::string format_json_example(const std::string& page, const std::string& heading) {
  std::ifstream file(std::string(ORRERY_SOURCE_DIR) + "/docs/formats/" + page);
  std::string line;
  std::string text;
  while (std::getline(file, line) && line != "### " + heading) {
  }
  while (std::getline(file, line) && line != "```json") {
  }
  while (std::getline(file, line) && line != "```") text += line + '\n';
  return text;
}

// As the pages show bytes, for failures.
inline std::string format_dump(ByteSpan bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += format("{}{:02x}",
                   i % 32 == 0  ? "\n    "
                   : i % 8 == 0 ? " "
                                : "",
                   static_cast<unsigned>(bytes[i]));
  }
  return text;
}

}  // namespace orrery
