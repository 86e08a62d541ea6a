#include "store/remote/remote_name.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "store/manifest.hpp"

namespace orrery::store::remote {
namespace {

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string RemoteName::server() const {
  const bool brackets = host.find(':') != std::string::npos;
  return format("{}{}{}{}:{}", kScheme, brackets ? "[" : "", host, brackets ? "]" : "", port);
}

Result<RemoteName> parse_remote_name(std::string_view text) {
  const auto wrong = [&] {
    return fail(
        format("\"{}\" names no image of a server; write store://HOST:PORT/NAME, such as "
               "store://127.0.0.1:{}/debian",
               text, kUsualPort));
  };
  if (!text.starts_with(kScheme)) return wrong();
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return wrong();
  RemoteName name;
  name.image = rest.substr(slash + 1);
  std::string_view place = rest.substr(0, slash);
  const std::size_t bracket = place.starts_with('[') ? place.find(']') : 0;
  if (bracket == std::string_view::npos) return wrong();
  const std::size_t colon = place.find(':', bracket);
  name.port = colon == std::string_view::npos ? kUsualPort : place.substr(colon + 1);
  place = place.substr(0, colon);
  if (bracket != 0) {
    if (!place.ends_with(']')) return wrong();
    place = place.substr(1, place.size() - 2);
  }
  name.host = place;
  if (name.host.empty() || !is_port(name.port)) return wrong();
  const Result<> checked = check_name(name.image);
  if (!checked) return fail(checked.error().context(text));
  return name;
}

}  // namespace orrery::store::remote
