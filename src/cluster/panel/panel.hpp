// The control panel as a server: the API, its page, agents, consoles, events, and
// upkeep. On the loop's thread; the registry is asked by workers.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/loop/worker_pool.hpp"
#include "cluster/api/api.hpp"
#include "cluster/page/page.hpp"
#include "cluster/panel/consoles.hpp"
#include "cluster/panel/follower.hpp"
#include "cluster/panel/gauges.hpp"
#include "cluster/panel/host_link.hpp"
#include "cluster/panel/other_panels.hpp"
#include "cluster/panel/surroundings.hpp"
#include "cluster/registry/registry.hpp"
#include "http/session.hpp"

namespace orrery::cluster {

class Panel final : public http::Handler {
 public:
  // All outlive it. It becomes the registry's listener.
  Panel(EventLoop& loop, WorkerPool& workers, Registry& registry, const api::Api& api,
        std::span<const page::File> page);
  ~Panel() override;

  // Begins its upkeep.
  void start();

  Task<http::Reply> reply_to(const http::Request& request) override;

  // For the end: agents and users of consoles and events are sent away.
  void stop();

 private:
  Task<http::Reply> reply_to_speaker(const http::Request& request);
  Task<http::Reply> reply_to_console(const http::Request& request, std::string vm,
                                     link::ConsoleUse use);
  Task<http::Reply> reply_elsewhere(const http::Request& request, std::string platform);
  Task<Result<>> speak_link(http::WebSocket& socket, std::string platform);
  Task<Result<>> speak_console(http::WebSocket& socket, std::string platform,
                               link::OpenConsole open);
  Task<Result<>> speak_events(http::WebSocket& socket, Revision since);
  Task<Result<>> send_events(http::WebSocket& socket, Revision since, std::shared_ptr<bool> ended);
  Task<Result<>> wait_for_end(http::WebSocket& socket, std::shared_ptr<bool> ended);
  void tell(const std::set<std::string>& platforms);
  void look_after();
  void ask_for_figures();

  const PanelSurroundings surroundings_;
  const api::Api& api_;
  const std::span<const page::File> page_;
  Consoles consoles_;
  OtherPanels other_panels_;
  Follower follower_;
  Gauges gauges_;
  std::unordered_map<std::string, HostLink*> links_;
  std::set<http::WebSocket*> listeners_;  // of events
  Changed events_changed_;
  std::uint64_t commits_ = 0;  // that were told of: what is looked for may have come meanwhile
  bool stopping_ = false;
  bool looking_ = false;
  unsigned looks_ = 0;
  std::unique_ptr<LoopTimer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::cluster
