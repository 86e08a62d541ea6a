// What a full code cache left behind, freed a little at a time: all at once would stall the vCPU.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <utility>

#include "hypervisor/soft/translate/page.hpp"
#include "hypervisor/soft/translate/sites.hpp"

namespace orrery::hypervisor::soft::translate {

class Forgotten {
 public:
  // What is still here from the time before goes at once: there is little, for step() comes with
  // every block that fills the cache.
  void take(PageMap pages, std::array<Sites, 2> sites) {
    pages_ = std::move(pages);
    sites_ = std::move(sites);
  }

  void step() {
    for (std::size_t n = 0; n < kPages && !pages_.empty(); ++n) pages_.erase(pages_.begin());
    for (Sites& sites : sites_) shorten(sites);
  }

 private:
  static constexpr std::size_t kPages = 4;
  static constexpr std::size_t kSites = 64;

  static void shorten(Sites& sites) {
    shorten(sites.accesses);
    shorten(sites.callouts);
    shorten(sites.x87);
    shorten(sites.indirects);
    shorten(sites.entries);
    shorten(sites.links);
  }
  template <typename Site>
  static void shorten(std::deque<Site>& sites) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(kSites, sites.size()));
    sites.erase(sites.end() - count, sites.end());
  }

  PageMap pages_;
  std::array<Sites, 2> sites_;
};

}  // namespace orrery::hypervisor::soft::translate
