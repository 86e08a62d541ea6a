// Runs the loop until a task is done: for opening and for tools, where nobody else runs it.
#pragma once

#include <utility>

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"

namespace orrery::storage {

template <typename T>
T run_task(EventLoop& loop, Task<T> task) {
  bool started = false;
  task.start([&] {
    if (started) loop.stop();
  });
  started = true;
  while (!task.done()) loop.run();
  return std::move(task.value());
}

}  // namespace orrery::storage
