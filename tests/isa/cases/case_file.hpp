// A test file: assembly whose head tells inputs and expectations in lines that begin with `;!`.
// docs/testing-the-engine.md describes the format.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace orrery::isa {

struct Case {
  std::string in{};   // assignments; empty: the default image
  std::string out{};  // assignments; whatever is not named stays as it was
  bool has_out = false;
  unsigned line = 0;        // of `in`
  std::string undefined{};  // names, beside the file's
};

struct CaseFile {
  std::string path;
  std::string undefined{};  // names that no case compares
  bool host = true;         // `;! host: no` for what ring 3 of the host can not show
  std::vector<Case> cases{};
  std::vector<std::string> lines{};  // the file itself
};

Result<CaseFile> read_case_file(const std::string& path);

// The file with the `out` lines of its cases replaced by OUT (one text per case).
Result<> write_expectations(const CaseFile& file, const std::vector<std::string>& out);

}  // namespace orrery::isa
