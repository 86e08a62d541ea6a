// Names of images on a server: "store://HOST[:PORT]/IMAGE".
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace orrery::store::remote {

inline constexpr std::string_view kScheme = "store://";
// Where `orrery store serve` listens if nothing else is said.
inline constexpr std::string_view kUsualPort = "8470";

struct RemoteName {
  std::string host;  // a name or an address, without the brackets of IPv6
  std::string port;
  std::string image;

  std::string server() const;  // "store://host:8470"
};

// Errors name the text.
Result<RemoteName> parse_remote_name(std::string_view text);

}  // namespace orrery::store::remote
