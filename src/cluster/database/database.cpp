#include "cluster/database/database.hpp"

#include "base/assert.hpp"

namespace orrery::cluster {

std::string end_of(std::string prefix) {
  ORRERY_ASSERT(!prefix.empty());  // prefixes are ours, and end in a slash
  ++prefix.back();
  return prefix;
}

}  // namespace orrery::cluster
