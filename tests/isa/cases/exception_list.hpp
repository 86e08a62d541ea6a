// Cases that an executor is known not to do as the files say, each with a reason (a comment above
// it): the file that --exceptions names.
//
//   # reason
//   64 sse/addpd_xmm_m128.asm:9      one case, by the line of its `in`
//   32 sse/*                         all of a folder
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "isa/executor.hpp"

namespace orrery::isa {

class ExceptionList {
 public:
  static Result<ExceptionList> read(const std::string& path);

  // PATH: of the test file; LINE: of the case.
  bool has(Mode mode, std::string_view path, unsigned line) const;

 private:
  struct Entry {
    Mode mode = Mode::kUser64;
    std::string pattern;
  };
  std::vector<Entry> entries_;
};

}  // namespace orrery::isa
