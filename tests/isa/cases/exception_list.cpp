#include "isa/cases/exception_list.hpp"

#include <fstream>
#include <sstream>

#include <fnmatch.h>

#include "base/format.hpp"
#include "isa/cases/bundle.hpp"

namespace orrery::isa {

Result<ExceptionList> ExceptionList::read(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(format("cannot read {}", path));
  ExceptionList list;
  unsigned number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string mode;
    Entry entry;
    words >> mode >> entry.pattern;
    if (entry.pattern.empty()) return fail(format("{}:{}: not an entry", path, number));
    entry.mode = mode_named(mode);
    list.entries_.push_back(std::move(entry));
  }
  return list;
}

bool ExceptionList::has(Mode mode, std::string_view path, unsigned line) const {
  constexpr std::string_view kForms = "/forms/";
  const std::size_t at = path.rfind(kForms);
  if (at == std::string_view::npos) return false;
  const std::string name = format("{}:{}", path.substr(at + kForms.size()), line);
  for (const Entry& entry : entries_) {
    if (entry.mode == mode && ::fnmatch(entry.pattern.c_str(), name.c_str(), 0) == 0) return true;
  }
  return false;
}

}  // namespace orrery::isa
