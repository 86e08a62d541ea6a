// Who may add images to a served store: a text with a line for each, "NAME TOKEN"; what begins with
// "#" is a comment. A token is a password that a program keeps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "store/digest.hpp"

namespace orrery::store::serve {

class Tokens {
 public:
  // Fewer letters can be tried out.
  static constexpr std::size_t kFewestLetters = 16;

  // Errors name the line.
  static Result<Tokens> parse(std::string_view text);

  // AUTHORIZATION: that header of a request, "Bearer TOKEN" (RFC 6750, 2.1). The name of whose
  // token it is; takes as long for a wrong one as for a right one.
  std::optional<std::string> name_of(std::string_view authorization) const;

 private:
  struct Known {
    std::string name;
    Digest token;
  };
  std::vector<Known> known_;
};

}  // namespace orrery::store::serve
