#include "hypervisor/soft/translate/statistics.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

using Detail = VcpuStatistics::Detail;

constexpr std::size_t kMostMnemonics = 12;

template <typename Counters>
void append_mnemonics(std::vector<Detail>& details, const char* what, const Counters& counters) {
  std::vector<Detail> found;
  for (std::size_t n = 0; n < counters.size(); ++n) {
    if (counters[n] == 0) continue;
    const char* name = ZydisMnemonicGetString(static_cast<ZydisMnemonic>(n));
    found.push_back({format("{} {}", what, name), counters[n]});
  }
  std::ranges::sort(found, std::greater{}, &Detail::count);
  found.resize(std::min(found.size(), kMostMnemonics));
  details.insert(details.end(), found.begin(), found.end());
}

}  // namespace

std::vector<Detail> Translator::details() const {
  std::vector<Detail> details = {{"blocks translated", statistics_.blocks},
                                 {"instructions translated", statistics_.instructions},
                                 {"blocks outdated once translated", statistics_.outdated},
                                 {"entries of translated code", statistics_.entries},
                                 {"jumps linked", statistics_.links},
                                 {"slow memory accesses", statistics_.slow_accesses},
                                 {"indirect jumps looked up", statistics_.unknown_indirects},
                                 {"entries looked up", statistics_.continues},
                                 {"entries that refused", statistics_.stale_entries},
                                 {"entries renewed", statistics_.entries_renewed},
                                 {"code cache cleared", statistics_.clears},
                                 {"microseconds that the longest clearing took",
                                  static_cast<std::uint64_t>(statistics_.longest_clear.count())}};
  if (lockstep_ != nullptr) {
    details.push_back({"blocks executed in lockstep", lockstep_->blocks()});
    details.push_back({"instructions in them", lockstep_->instructions()});
    details.push_back({"blocks that could not be compared", lockstep_->left_out()});
    details.push_back({"differences", lockstep_->differences()});
  }
  append_mnemonics(details, "interpreted within blocks:", statistics_.callouts);
  append_mnemonics(details, "interpreted at a block's end:", statistics_.systems);
  append_mnemonics(details, "interpreted between blocks:", statistics_.interpreted);
  return details;
}

}  // namespace orrery::hypervisor::soft::translate
