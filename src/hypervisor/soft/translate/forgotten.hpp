// What a full code cache left behind, freed a little at a time: all at once would stall the vCPU.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "hypervisor/soft/translate/emit/block_emitter.hpp"
#include "hypervisor/soft/translate/page.hpp"

namespace orrery::hypervisor::soft::translate {

class Forgotten {
 public:
  // Both are empty afterwards. What is still here from the time before goes at once: there is
  // little, for step() comes with every block that fills the cache.
  void take(PageMap& pages, Sites& sites) {
    pages_ = std::exchange(pages, {});
    sites_ = std::exchange(sites, {});
  }

  void step() {
    for (std::size_t n = 0; n < kPages && !pages_.empty(); ++n) pages_.erase(pages_.begin());
    const auto shorten = [](auto& sites) {
      const auto count = static_cast<std::ptrdiff_t>(std::min(kSites, sites.size()));
      sites.erase(sites.end() - count, sites.end());
    };
    shorten(sites_.accesses);
    shorten(sites_.callouts);
    shorten(sites_.x87);
    shorten(sites_.indirects);
    shorten(sites_.entries);
    if (sites_.accesses.empty()) sites_.links = {};
  }

 private:
  static constexpr std::size_t kPages = 4;
  static constexpr std::size_t kSites = 64;

  PageMap pages_;
  Sites sites_;
};

}  // namespace orrery::hypervisor::soft::translate
