// Follows what other panels commit to a database that they share, so that this one's agents and
// listeners are told of it. Private to cluster/panel/; on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "cluster/database/database.hpp"
#include "cluster/panel/surroundings.hpp"
#include "cluster/registry/changes.hpp"

namespace orrery::cluster {

class Follower {
 public:
  using Tell = std::function<void(const std::set<std::string>& platforms)>;

  // TELL is told of this panel's own commits once more, too.
  Follower(const PanelSurroundings& surroundings, Tell tell);
  ~Follower();

  // From now on. Nothing is followed where nobody else commits.
  void start();
  void stop();

 private:
  void look();
  void take(const Outcome<Changes>& changes);

  const PanelSurroundings surroundings_;
  const Tell tell_;
  Revision seen_;
  bool failed_ = false;  // the last time: told once
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<LoopTimer> timer_;
};

}  // namespace orrery::cluster
