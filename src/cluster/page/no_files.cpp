// In place of the files that web/ is built into (ORRERY_WEB=OFF).
#include "cluster/page/page.hpp"

namespace orrery::cluster::page {

std::span<const File> files() {
  return {};
}

}  // namespace orrery::cluster::page
