// One client of the control socket, from its first line to its last: each request is answered
// before the next is looked at.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "vmm/control/target.hpp"

namespace orrery::vmm::control {

class Session {
 public:
  // Both outlive the session.
  Session(Target& target, Stream& stream) : target_(target), stream_(stream) {}

  // Until the client goes, or sends a line that is too long.
  Task<Result<>> serve();

 private:
  Task<std::optional<std::string>> next_line();
  Task<std::string> answer_to(std::string line);
  Task<bool> send(std::string text);

  Target& target_;
  Stream& stream_;
  std::string received_;
  std::unique_ptr<SnapshotUnderWay> snapshot_;
};

}  // namespace orrery::vmm::control
