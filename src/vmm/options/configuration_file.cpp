#include "vmm/options/configuration_file.hpp"

#include <sstream>

#include <toml.hpp>

#include "base/files/mapped_file.hpp"
#include "base/format.hpp"

namespace orrery::vmm {
namespace {

Result<std::string> text_of(const toml::value& value) {
  if (value.is_string()) return value.as_string().str;
  if (value.is_integer()) return format("{}", value.as_integer());
  if (value.is_boolean()) return std::string(value.as_boolean() ? "true" : "false");
  return fail("a value has to be text, a whole number, or true or false");
}

Result<> add_settings(std::vector<Setting>& settings, const Option& option,
                      const toml::value& value, const std::string& origin) {
  const auto add = [&](const toml::value& single) -> Result<> {
    auto text = text_of(single);
    if (!text) return fail(text.error().context(origin));
    settings.push_back({&option, std::move(*text), origin});
    return {};
  };
  if (!value.is_array()) return add(value);
  if (option.kind != OptionKind::kList) return fail(origin + ": takes one value, not several");
  for (const toml::value& element : value.as_array()) ORRERY_CHECK(add(element));
  return {};
}

// Bytes of the UTF-8 sequence at the start of TEXT, or 0 where it is none (RFC 3629, section 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[n]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t n = 1; n < length; ++n) {
    if ((byte(n) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool beyond = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

bool is_forbidden_control(char c) {
  return (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

// The encoding that TOML asks for ("Preliminaries"): toml11 3.7 reads past its buffer when it draws
// a report about other bytes.
Result<> check_encoding(std::string_view text, const std::string& name) {
  std::size_t line = 1;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_forbidden_control(text.front())) {
      return fail(format("{}:{}: not text in UTF-8 (byte {:#04x}); a configuration file is TOML",
                         name, line, static_cast<unsigned char>(text.front())));
    }
    if (text.front() == '\n') ++line;
    text.remove_prefix(length);
  }
  return {};
}

// The library's report is several lines of drawing; its first says what and where.
std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

Result<std::vector<Setting>> parse_configuration(std::string_view text, const std::string& name) {
  ORRERY_CHECK(check_encoding(text, name));
  // The library reports by exceptions; they end here.
  try {
    std::istringstream stream{std::string(text)};
    const toml::value root = toml::parse(stream, name);
    std::vector<Setting> settings;
    for (const auto& [key, value] : root.as_table()) {
      const Option* const option = find_option(key);
      const std::string origin = format("{}:{}: {}", name, value.location().line(), key);
      if (option == nullptr) {
        return fail(origin + ": not an option of `orrery run` (see `orrery run --help`)");
      }
      ORRERY_CHECK(add_settings(settings, *option, value, origin));
    }
    return settings;
  } catch (const std::exception& error) {
    return fail(format("{}: not valid TOML: {}", name, first_line(error.what())));
  }
}

Result<std::vector<Setting>> read_configuration_file(const std::string& path) {
  ORRERY_TRY(const auto file, MappedFile::open(path));
  const ByteSpan bytes = file->bytes();
  return parse_configuration({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace orrery::vmm
