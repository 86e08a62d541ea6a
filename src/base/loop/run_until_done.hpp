// What a task gives, for whoever has a loop of his own and nothing else to do.
#pragma once

#include <utility>

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"

namespace orrery {

// Runs the loop until TASK is done; nobody else may run it meanwhile.
template <typename T>
T run_until_done(EventLoop& loop, Task<T> task) {
  task.start([&loop] { loop.stop(); });
  while (!task.done()) loop.run();
  loop.poll();  // a stop() that came before the loop ran
  return std::move(task.value());
}

}  // namespace orrery
