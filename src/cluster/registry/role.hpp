// Who may do what. A route names the roles that may use it (cluster/api/routes.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace orrery::cluster {

enum class Role : std::uint8_t { kViewer, kOperator, kAdministrator, kHost };

struct KnownRole {
  Role role;
  std::string_view name;
  std::string_view help;
};
inline constexpr std::array kRoles{
    KnownRole{Role::kViewer, "viewer", "sees everything but secrets and consoles"},
    KnownRole{Role::kOperator, "operator", "also starts, stops and uses virtual machines"},
    KnownRole{Role::kAdministrator, "administrator",
              "also makes and removes them, platforms and users"},
    KnownRole{Role::kHost, "host", "an agent: its own platform, and nothing else"},
};

constexpr std::string_view name_of(Role role) {
  return kRoles.at(static_cast<std::size_t>(role)).name;
}

constexpr std::optional<Role> role_of(std::string_view name) {
  for (const KnownRole& known : kRoles) {
    if (known.name == name) return known.role;
  }
  return std::nullopt;
}

// A set of roles.
struct Roles {
  unsigned bits = 0;
  constexpr bool contains(Role role) const {
    return (bits >> static_cast<unsigned>(role) & 1U) != 0;
  }
};
constexpr Roles roles(std::initializer_list<Role> list) {
  Roles set;
  for (const Role role : list) set.bits |= 1U << static_cast<unsigned>(role);
  return set;
}

}  // namespace orrery::cluster
