// What waits to be sent to somebody who may be slow: of each thing the newest text only, and no
// more than fits. Private to cluster/panel/; on one thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/types.hpp"

namespace orrery::cluster {

class NewestTexts {
 public:
  // The figures of 10,000 VMs with four devices each are 5 MB. More is no picture that somebody
  // looks at, or an agent that makes names up.
  static constexpr Bytes kMost{8_MiB};

  explicit NewestTexts(Bytes most = kMost) : most_(most.value()) {}

  // In place of an older one about ABOUT. Where there is no room it is dropped; the next one comes.
  void put(const std::string& about, std::string text);
  // Each thing in its turn, so that who is slow misses something of all of them; nothing: none.
  std::optional<std::string> take();
  bool empty() const { return texts_.empty(); }

 private:
  const std::size_t most_;
  std::size_t used_ = 0;  // of names and texts
  std::map<std::string, std::string> texts_;
  std::string last_;  // about what the last one was that was taken
};

}  // namespace orrery::cluster
