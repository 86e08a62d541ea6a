// Runs one case of a test file on an executor and tells what is not as expected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "isa/cases/case_file.hpp"
#include "isa/cases/values.hpp"
#include "isa/executor.hpp"

namespace orrery::isa {

// Where assemble.py has put a file's code, and how it runs.
struct Slot {
  std::string path;
  Mode mode = Mode::kUser64;
  std::uint64_t offset = 0;  // from kCodeBase
  std::uint64_t length = 0;
};

struct PreparedCase {
  Image before;
  Image expected;
  Mask mask;
};

Result<PreparedCase> prepare(const CaseFile& file, const Case& one, const Slot& slot);

// What the executor makes of a case's inputs. The code must be loaded.
Result<Image> execute(Executor& executor, const Slot& slot, const Image& before);

// Empty where all is as expected; otherwise inputs, both outcomes and the difference, for people.
std::string check(Executor& executor, const CaseFile& file, const Case& one, const Slot& slot);

}  // namespace orrery::isa
