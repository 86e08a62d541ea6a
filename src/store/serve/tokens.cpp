#include "store/serve/tokens.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace orrery::store::serve {
namespace {

Digest digest_of(std::string_view text) {
  return Hasher().digest(as_bytes(text.data(), text.size()));
}

// Takes the first word of LINE off it.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r";
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(kSpace)));
  const std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

Result<Tokens> Tokens::parse(std::string_view text) {
  ORRERY_CHECK(load_hasher());
  Tokens tokens;
  for (unsigned number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view name = take_word(line);
    if (name.empty() || name.starts_with('#')) continue;
    const std::string_view token = take_word(line);
    if (token.empty() || !take_word(line).empty()) {
      return fail(format("line {}: a name and its token belong here, such as \"{} {}\"", number,
                         name, "`openssl rand -hex 32`"));
    }
    if (token.size() < kFewestLetters) {
      return fail(
          format("line {}: the token of {} has {} letters, and takes at least {}; draw one "
                 "with `openssl rand -hex 32`",
                 number, name, token.size(), kFewestLetters));
    }
    tokens.known_.push_back({std::string(name), digest_of(token)});
  }
  if (tokens.known_.empty()) return fail("has no token; a line is \"NAME TOKEN\"");
  return tokens;
}

// Digests are compared, so how far a guess is right does not show in the time.
std::optional<std::string> Tokens::name_of(std::string_view authorization) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (!authorization.starts_with(kScheme)) return std::nullopt;
  const Digest given = digest_of(authorization.substr(kScheme.size()));
  for (const Known& known : known_) {
    if (known.token == given) return known.name;
  }
  return std::nullopt;
}

}  // namespace orrery::store::serve
