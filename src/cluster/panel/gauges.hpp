// What VMs use, for those who watch: agents are asked as long as somebody does, and what they tell
// is passed on and forgotten. Private to cluster/panel/; on the loop's thread.
#pragma once

#include <set>
#include <string>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "cluster/link/message.hpp"
#include "cluster/panel/newest_texts.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::cluster {

class Gauges {
 public:
  // Whether agents are to be asked.
  bool watched() const { return !viewers_.empty(); }
  void take(const std::string& platform, const link::Figures& figures);

  // Until the viewer goes, or stop().
  Task<Result<>> show(http::WebSocket& socket);
  void stop();

 private:
  struct Viewer {
    http::WebSocket& socket;
    NewestTexts waiting = NewestTexts();
    bool ended = false;
    Changed changed = {};
  };

  Task<Result<>> send_all(Viewer& viewer);
  Task<Result<>> wait_for_end(Viewer& viewer);

  std::set<Viewer*> viewers_;
};

}  // namespace orrery::cluster
