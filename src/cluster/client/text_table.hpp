// Columns of equal width, as lines of text.
#pragma once

#include <string>
#include <vector>

namespace orrery::cluster {

using TextRow = std::vector<std::string>;

// Each row has as many cells as HEAD, which is the first line.
std::vector<std::string> table_lines(const TextRow& head, const std::vector<TextRow>& rows);

}  // namespace orrery::cluster
