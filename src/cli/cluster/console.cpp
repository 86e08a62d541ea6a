// A VM's console at the terminal.
#include <array>
#include <utility>

#include <unistd.h>

#include "base/format.hpp"
#include "base/loop/run_until_done.hpp"
#include "cli/cluster/cluster.hpp"
#include "vmm/console/terminal.hpp"

namespace orrery::cli::cluster_commands {
namespace {

constexpr char kEscape = 1;  // Ctrl-A, as with `orrery run`

// Finds Ctrl-A x in what is typed; Ctrl-A twice is one for the guest.
class Keys {
 public:
  bool leave() const { return leave_; }
  std::string take(std::string_view typed) {
    std::string rest;
    for (const char each : typed) {
      if (std::exchange(escaped_, false)) {
        if (each == 'x') leave_ = true;
        if (each == kEscape) rest += each;
      } else if (each == kEscape && terminal_) {
        escaped_ = true;
      } else {
        rest += each;
      }
    }
    return rest;
  }

 private:
  const bool terminal_ = vmm::terminal::usable(STDIN_FILENO);
  bool escaped_ = false;
  bool leave_ = false;
};

class Use {
 public:
  Use(EventLoop& loop, http::ClientSocket& socket) : loop_(loop), socket_(socket) {}

  Result<> run() {
    ORRERY_TRY(watch_, loop_.watch(STDIN_FILENO, Readiness::kReadable, [this] { read_keys(); }));
    Task<Result<>> sending = send_all();
    sending.start([] {});
    const Result<> shown = run_until_done(loop_, show_all());
    ended_ = true;
    changed_.notify_all();
    while (!sending.done()) loop_.poll();
    return shown;
  }

 private:
  void read_keys() {
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count <= 0) {  // the end of what was piped in: the guest goes on
      watch_->pause();
      return;
    }
    typed_ += keys_.take({bytes.data(), static_cast<std::size_t>(count)});
    if (keys_.leave()) socket_->close();
    changed_.notify_all();
  }

  Task<Result<>> send_all() {
    while (!ended_) {
      if (typed_.empty()) {
        co_await changed_;
        continue;
      }
      http::Message message;
      message.text = false;
      message.data = std::exchange(typed_, "");
      const bool sent = co_await socket_->send(std::move(message));
      if (!sent) break;
    }
    co_return Result<>{};
  }

  Task<Result<>> show_all() {
    while (true) {
      const std::optional<http::Message> message = co_await socket_->receive();
      if (!message) break;
      fmt::print("{}", message->data);
      std::fflush(stdout);
    }
    co_return Result<>{};
  }

  EventLoop& loop_;
  http::ClientSocket& socket_;
  Keys keys_;
  std::string typed_;
  bool ended_ = false;
  Changed changed_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace

Result<> use_console(EventLoop& loop, http::ClientSocket& socket) {
  const bool terminal = vmm::terminal::usable(STDIN_FILENO);
  if (terminal) {
    fmt::print(stderr, "(Ctrl-A x leaves the console)\n");
    vmm::terminal::make_raw(STDIN_FILENO);
  }
  const Result<> used = Use(loop, socket).run();
  vmm::terminal::restore();
  return used;
}

}  // namespace orrery::cli::cluster_commands
