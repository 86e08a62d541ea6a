// What the parts of a panel share. Private to cluster/panel/.
#pragma once

#include "base/loop/event_loop.hpp"
#include "base/loop/worker_pool.hpp"
#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

// Outlives them. The registry is asked by workers only.
struct PanelSurroundings {
  EventLoop& loop;
  WorkerPool& workers;
  const Registry& registry;
};

}  // namespace orrery::cluster
