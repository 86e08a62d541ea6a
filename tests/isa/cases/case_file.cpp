#include "isa/cases/case_file.hpp"

#include <fstream>
#include <string_view>

#include "base/format.hpp"

namespace orrery::isa {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// ";! key: value", or ";!   value" that continues the line before (key is then empty).
struct Directive {
  std::string_view key;
  std::string_view value;
};

bool parse_directive(std::string_view line, Directive& directive) {
  if (!line.starts_with(";!")) return false;
  line.remove_prefix(2);
  const std::size_t colon = line.find(": ");
  const std::size_t equals = line.find('=');
  if (colon != std::string_view::npos && colon < equals) {
    directive = {trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1))};
  } else if (trimmed(line).ends_with(':')) {
    directive = {trimmed(line.substr(0, line.rfind(':'))), {}};
  } else {
    directive = {{}, trimmed(line)};
  }
  return true;
}

class Parser {
 public:
  explicit Parser(CaseFile& file) : file_(file) {}

  Result<> take(const Directive& directive, unsigned line) {
    if (directive.key.empty()) {
      if (open_ == nullptr) return fail("nothing to continue");
      *open_ += format(" {}", directive.value);
      return {};
    }
    open_ = nullptr;
    if (directive.key == "in") {
      file_.cases.push_back({.in = std::string(directive.value), .line = line});
      open_ = &file_.cases.back().in;
      return {};
    }
    if (directive.key == "undefined") {
      std::string& names = file_.cases.empty() ? file_.undefined : file_.cases.back().undefined;
      names = directive.value;
      return {};
    }
    if (directive.key == "mode" || directive.key == "ring") return {};  // for assemble.py
    if (directive.key == "host") {
      file_.host = directive.value != "no";
      return {};
    }
    if (directive.key == "out" && !file_.cases.empty()) {
      Case& current = file_.cases.back();
      current.out = directive.value;
      current.has_out = true;
      open_ = &current.out;
      return {};
    }
    return fail(format("'{}' is not known here", directive.key));
  }

 private:
  CaseFile& file_;
  std::string* open_ = nullptr;
};

constexpr std::size_t kLineLength = 100;

void write_out_line(std::ostream& stream, std::string_view assignments) {
  std::string line = ";! out:";
  while (!assignments.empty()) {
    const std::string_view word = assignments.substr(0, assignments.find(' '));
    assignments.remove_prefix(std::min(assignments.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kLineLength && line.size() > 7) {
      stream << line << '\n';
      line = ";!     ";
    }
    line += format(" {}", word);
  }
  stream << line << '\n';
}

}  // namespace

Result<CaseFile> read_case_file(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) return fail(format("cannot read {}", path));
  CaseFile file{.path = path};
  Parser parser(file);
  for (std::string line; std::getline(stream, line);) {
    file.lines.push_back(line);
    Directive directive;
    const auto number = static_cast<unsigned>(file.lines.size());
    if (!parse_directive(line, directive)) continue;
    if (const auto taken = parser.take(directive, number); !taken) {
      return fail(format("{}:{}: {}", path, number, taken.error().message()));
    }
  }
  if (file.cases.empty()) file.cases.emplace_back();
  return file;
}

Result<> write_expectations(const CaseFile& file, const std::vector<std::string>& out) {
  std::ofstream stream(file.path);
  bool in_old_expectation = false;
  std::size_t index = 0;
  bool pending = false;
  for (const std::string& line : file.lines) {
    Directive directive;
    const bool is_directive = parse_directive(line, directive);
    in_old_expectation =
        is_directive && (directive.key == "out" || (in_old_expectation && directive.key.empty()));
    if (in_old_expectation) continue;
    if (pending && !(is_directive && (directive.key.empty() || directive.key == "undefined"))) {
      write_out_line(stream, out[index++]);
      pending = false;
    }
    if (is_directive && directive.key == "in") pending = true;
    stream << line << '\n';
  }
  if (!stream.flush()) return fail(format("cannot write {}", file.path));
  return {};
}

}  // namespace orrery::isa
