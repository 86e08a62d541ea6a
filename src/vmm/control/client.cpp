#include "vmm/control/client.hpp"

#include <array>
#include <cerrno>

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "base/sockets/descriptor_passing.hpp"
#include "base/sockets/listening_socket.hpp"
#include "base/types.hpp"
#include "vmm/control/request.hpp"

namespace orrery::vmm::control {

Result<Client> Client::connect(const std::string& path) {
  auto socket = connect_unix(path);
  if (socket) return Client(path, std::move(*socket));
  return fail(path + ": " + socket.error().message() +
              "; is a VM running there, started with --control " + path + "?");
}

Result<nlohmann::json> Client::ask(const nlohmann::json& request, const std::vector<int>& files) {
  ORRERY_CHECK(send(request.dump() + '\n', files));
  ORRERY_TRY(const std::string line, receive_line());
  return parse_answer(line);
}

Result<> Client::send(const std::string& line, std::vector<int> files) {
  for (std::size_t done = 0; done < line.size();) {
    const ByteSpan rest = as_bytes(line.data() + done, line.size() - done);
    const ssize_t count = send_with_descriptors(socket_.get(), rest, files);
    if (count <= 0 && errno != EINTR) return fail_errno(path_ + ": cannot ask the VM");
    if (count <= 0) continue;
    done += static_cast<std::size_t>(count);
    files.clear();  // went with the first byte
  }
  return {};
}

Result<std::string> Client::receive_line() {
  std::array<char, 4_KiB> bytes;
  std::size_t end = std::string::npos;
  while ((end = received_.find('\n')) == std::string::npos) {
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path_ + ": no answer from the VM");
    if (count == 0) return fail(path_ + ": the VM ended before it answered");
    received_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

}  // namespace orrery::vmm::control
