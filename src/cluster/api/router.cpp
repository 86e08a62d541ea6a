#include <vector>

#include "base/format.hpp"
#include "cluster/api/routes.hpp"

namespace orrery::cluster::api {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.size(), path.find('/'));
    parts.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

// `nullopt`: PATH is another one.
std::optional<std::map<std::string, std::string>> match(std::string_view pattern,
                                                        std::string_view path) {
  const auto wanted = split(pattern);
  const auto given = split(path);
  if (wanted.size() != given.size()) return std::nullopt;
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      if (given[i].empty()) return std::nullopt;
      names.emplace(wanted[i].substr(1, wanted[i].size() - 2), given[i]);
    } else if (wanted[i] != given[i]) {
      return std::nullopt;
    }
  }
  return names;
}

}  // namespace

Found find_route(http::Method method, std::string_view path) {
  Found found;
  if (!path.starts_with('/')) return found;
  const http::Method wanted = method == http::Method::kHead ? http::Method::kGet : method;
  for (const Route& route : routes()) {
    auto names = match(route.path, path);
    if (!names) continue;
    if (route.method == wanted) {
      found.match = Match{&route, std::move(*names)};
      return found;
    }
    found.methods += format("{}{}", found.methods.empty() ? "" : ", ", name_of(route.method));
  }
  return found;
}

}  // namespace orrery::cluster::api
