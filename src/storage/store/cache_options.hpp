// How images of servers are come by: where they are cached on this host, and how much of them; and
// who this host is.
#pragma once

#include <optional>
#include <string>

#include "base/types.hpp"

namespace orrery::storage {

// Some dozens of guests' worth of what they read; images are larger.
inline constexpr Bytes kUsualCacheSize{10'737'418'240};  // 10 GiB

struct CacheOptions {
  std::string folder;         // empty: usual_cache_folder() (remote_disk.hpp)
  std::optional<Bytes> size;  // at most; not said: kUsualCacheSize
  std::string certificate;    // a file, for servers that speak TLS; empty: in the clear
};

}  // namespace orrery::storage
