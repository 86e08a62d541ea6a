#include "cluster/host/console_relay.hpp"

#include <array>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.hpp"
#include "base/sockets/listening_socket.hpp"
#include "base/types.hpp"
#include "cluster/host/vm_folder.hpp"

namespace orrery::cluster::host {
namespace {

// A screen or two.
constexpr std::size_t kRecent = 8_KiB;
constexpr std::size_t kMostTyped = 64_KiB;

std::string older(const std::string& path) {
  return path + ".1";
}

}  // namespace

Result<std::unique_ptr<ConsoleRelay>> ConsoleRelay::connect(EventLoop& loop,
                                                            const std::string& socket,
                                                            const std::string& log) {
  ORRERY_TRY(FileDescriptor connected, connect_unix(socket));
  if (::fcntl(connected.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno(socket);
  std::unique_ptr<ConsoleRelay> relay(new ConsoleRelay(log));
  ORRERY_CHECK(relay->open_log());
  ORRERY_TRY(relay->stream_, SocketStream::create(loop, std::move(connected)));
  relay->receiving_ = relay->receive_all();
  relay->receiving_.start([] {});
  relay->sending_ = relay->send_all();
  relay->sending_.start([] {});
  return relay;
}

Result<> ConsoleRelay::open_log() {
  constexpr mode_t kOwnerOnly = 0600;
  log_ = FileDescriptor(
      ::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly));
  struct stat status {};
  if (!log_ || ::fstat(log_.get(), &status) != 0) {
    return fail_errno(log_path_ + ": cannot be opened");
  }
  logged_ = static_cast<std::size_t>(status.st_size);
  return {};
}

std::string ConsoleRelay::read_log(const std::string& path) {
  return read_file(older(path)).value_or("") + read_file(path).value_or("");
}

unsigned ConsoleRelay::add_viewer(Viewer viewer) {
  if (!recent_.empty()) viewer(recent_);
  viewers_[++last_viewer_] = std::move(viewer);
  return last_viewer_;
}

void ConsoleRelay::type(std::string_view text) {
  if (typed_.size() + text.size() > kMostTyped) return;
  typed_ += text;
  changed_.notify_all();
}

void ConsoleRelay::take(std::string_view printed) {
  recent_ += printed;
  if (recent_.size() > 2 * kRecent) recent_.erase(0, recent_.size() - kRecent);
  write_log(printed);
  for (const auto& [number, viewer] : viewers_) viewer(printed);
}

void ConsoleRelay::write_log(std::string_view printed) {
  if (logged_ + printed.size() > kLogPiece) {
    ::rename(log_path_.c_str(), older(log_path_).c_str());
    const Result<> opened = open_log();
    if (!opened) log::warning("{}", opened.error().message());
  }
  // (A full disk costs the log, and not the guest.)
  if (::write(log_.get(), printed.data(), printed.size()) > 0) logged_ += printed.size();
}

Task<Result<>> ConsoleRelay::receive_all() {
  std::array<std::byte, 16_KiB> bytes;
  while (true) {
    const std::size_t count = co_await stream_->receive(bytes);
    if (count == 0) break;
    take({reinterpret_cast<const char*>(bytes.data()), count});
  }
  ended_ = true;
  changed_.notify_all();
  for (const auto& [number, viewer] : viewers_) viewer("");
  co_return Result<>{};
}

Task<Result<>> ConsoleRelay::send_all() {
  while (!ended_) {
    if (typed_.empty()) {
      co_await changed_;
      continue;
    }
    const std::string text = std::exchange(typed_, "");
    for (std::size_t done = 0; done < text.size();) {
      const iovec rest{const_cast<char*>(text.data()) + done, text.size() - done};
      const std::size_t count = co_await stream_->send({&rest, 1});
      if (count == 0) co_return Result<>{};
      done += count;
    }
  }
  co_return Result<>{};
}

}  // namespace orrery::cluster::host
