#include "cluster/client/text_table.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace orrery::cluster {

std::vector<std::string> table_lines(const TextRow& head, const std::vector<TextRow>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& each : head) widths.push_back(each.size());
  for (const TextRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> lines;
  const auto add = [&](const TextRow& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  };
  add(head);
  for (const TextRow& row : rows) add(row);
  return lines;
}

}  // namespace orrery::cluster
