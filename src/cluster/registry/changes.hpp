// What has been committed since a while ago, by whichever panel.
#pragma once

#include <set>
#include <string>

#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

struct Changes {
  std::set<std::string> platforms = {};  // that may have to do something else, or have come
  Revision last;                         // they are up to this commit
};

// An operation on a VM changes its record or its platform's, so what is removed needs no look.
Outcome<Changes> changes_since(const Registry& registry, Revision since);

}  // namespace orrery::cluster
