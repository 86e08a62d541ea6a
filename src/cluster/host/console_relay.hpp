// The agent's end of a VM's console socket: it is the one client there, keeps what the guest
// prints, and passes it to as many viewers as there are. On the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/socket_stream.hpp"

namespace orrery::cluster::host {

class ConsoleRelay {
 public:
  // Of the log, in each of two files: what is older goes.
  static constexpr std::size_t kLogPiece = std::size_t{512} << 10;

  // An empty text is the end: nothing more will be printed.
  using Viewer = std::function<void(std::string_view printed)>;

  // SOCKET: the VM's console; LOG: the file to which what it prints is added. An error: nobody
  // listens there.
  static Result<std::unique_ptr<ConsoleRelay>> connect(EventLoop& loop, const std::string& socket,
                                                       const std::string& log);

  // VIEWER is shown the end of what was printed, and then all that is. Returns its number.
  unsigned add_viewer(Viewer viewer);
  void remove_viewer(unsigned number) { viewers_.erase(number); }

  // The VM has closed its side, and all that it printed is taken.
  bool ended() const { return ended_; }

  // As if it was typed. What the guest does not take waits; much more than it will ever take is
  // dropped.
  void type(std::string_view text);

  // What the log at PATH has kept.
  static std::string read_log(const std::string& path);

 private:
  explicit ConsoleRelay(std::string log) : log_path_(std::move(log)) {}
  Task<Result<>> receive_all();
  Task<Result<>> send_all();
  void take(std::string_view printed);
  void write_log(std::string_view printed);
  Result<> open_log();

  const std::string log_path_;
  FileDescriptor log_;
  std::size_t logged_ = 0;  // bytes in it
  std::string recent_;      // for who comes later
  std::unique_ptr<SocketStream> stream_;
  std::map<unsigned, Viewer> viewers_;
  unsigned last_viewer_ = 0;
  std::string typed_;
  Changed changed_;
  bool ended_ = false;
  Task<Result<>> receiving_;  // these two go before what they use
  Task<Result<>> sending_;
};

}  // namespace orrery::cluster::host
