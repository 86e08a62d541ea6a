#include "cluster/host/control_link.hpp"

#include <array>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>

#include "base/sockets/listening_socket.hpp"
#include "base/types.hpp"
#include "vmm/control/request.hpp"

namespace orrery::cluster::host {

using Json = nlohmann::json;

Result<std::unique_ptr<ControlLink>> ControlLink::connect(EventLoop& loop, const std::string& path,
                                                          std::function<void()> broken) {
  ORRERY_TRY(FileDescriptor socket, connect_unix(path));
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno(path);
  std::unique_ptr<ControlLink> link(new ControlLink(std::move(broken)));
  ORRERY_TRY(link->stream_, SocketStream::create(loop, std::move(socket)));
  link->receiving_ = link->receive_all();
  // The callback may destroy the link, and so waits until the task is through.
  link->receiving_.start(
      [raw = link.get(), &loop] { loop.post([broken = raw->broken_] { broken(); }); });
  link->sending_ = link->send_all();
  link->sending_.start([] {});
  return link;
}

void ControlLink::ask(const std::string& command, Answered answered) {
  if (ended_) return answered(fail("the VM has ended"));
  waiting_.push_back(std::move(answered));
  unsent_ += Json{{"command", command}}.dump() + '\n';
  changed_.notify_all();
}

Task<Result<>> ControlLink::send_all() {
  while (!ended_) {
    if (unsent_.empty()) {
      co_await changed_;
      continue;
    }
    const std::string text = std::exchange(unsent_, "");
    for (std::size_t done = 0; done < text.size();) {
      const iovec rest{const_cast<char*>(text.data()) + done, text.size() - done};
      const std::size_t count = co_await stream_->send({&rest, 1});
      if (count == 0) co_return Result<>{};
      done += count;
    }
  }
  co_return Result<>{};
}

void ControlLink::take(const Result<Json>& answer) {
  if (waiting_.empty()) return;
  const Answered answered = std::move(waiting_.front());
  waiting_.pop_front();
  answered(answer);
}

Task<Result<>> ControlLink::receive_all() {
  std::array<std::byte, 4_KiB> bytes;
  std::string received;
  while (true) {
    const std::size_t count = co_await stream_->receive(bytes);
    if (count == 0) break;
    received.append(reinterpret_cast<const char*>(bytes.data()), count);
    for (std::size_t end = 0; (end = received.find('\n')) != std::string::npos;) {
      const std::string line = received.substr(0, end);
      received.erase(0, end + 1);
      take(vmm::control::parse_answer(line));
    }
  }
  ended_ = true;
  changed_.notify_all();
  while (!waiting_.empty()) take(fail("the VM has ended"));
  co_return Result<>{};
}

}  // namespace orrery::cluster::host
