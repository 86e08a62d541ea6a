#include "vmm/control/session.hpp"

#include <array>

#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/types.hpp"
#include "vmm/control/commands.hpp"
#include "vmm/control/request.hpp"

namespace orrery::vmm::control {

Task<Result<>> Session::serve() {
  while (true) {
    std::optional<std::string> line = co_await next_line();
    if (!line) co_return Result<>{};
    const bool overlong = line->size() > kLongestLine;
    const std::string answer = co_await answer_to(std::move(*line));
    const bool sent = co_await send(answer);
    if (!sent || overlong) co_return Result<>{};
  }
}

// Nothing: the client has gone, perhaps within a line. A line that is too long comes as far as it
// was read.
Task<std::optional<std::string>> Session::next_line() {
  std::array<std::byte, 4_KiB> bytes;
  std::size_t looked_at = 0;
  while (true) {
    const std::size_t end = received_.find('\n', looked_at);
    if (end != std::string::npos || received_.size() > kLongestLine) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end == std::string::npos ? end : end + 1);
      co_return line;
    }
    looked_at = received_.size();
    const std::size_t count = co_await stream_.receive(bytes);
    if (count == 0) co_return std::nullopt;
    received_.append(reinterpret_cast<const char*>(bytes.data()), count);
  }
}

Task<std::string> Session::answer_to(std::string line) {
  if (line.size() > kLongestLine) {
    co_return answer_line(fail(format("a request has at most {} bytes", kLongestLine)));
  }
  const Result<nlohmann::json> request = parse_request(line);
  if (!request) co_return answer_line(request);
  Call call{target_, *request, stream_.take_descriptors(), snapshot_};
  const Result<nlohmann::json> answer = co_await run_command(call);
  co_return answer_line(answer);
}

// False: the client has gone.
Task<bool> Session::send(std::string text) {
  for (std::size_t done = 0; done < text.size();) {
    const iovec rest{text.data() + done, text.size() - done};
    const std::size_t count = co_await stream_.send({&rest, 1});
    if (count == 0) co_return false;
    done += count;
  }
  co_return true;
}

}  // namespace orrery::vmm::control
