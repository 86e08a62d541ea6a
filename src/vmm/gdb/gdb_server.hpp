// `--gdb`: waits for GDB on a socket, and talks to one at a time.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"
#include "vmm/console/socket_console.hpp"
#include "vmm/gdb/machine_target.hpp"
#include "vmm/gdb/session.hpp"

namespace orrery::vmm::gdb {

// On the loop's thread, or while the loop is not running.
class GdbServer {
 public:
  // ADDRESS is HOST:PORT. Loop and machine outlive the server. WAIT: the machine's first
  // instruction is executed when GDB says so.
  static Result<std::unique_ptr<GdbServer>> create(EventLoop& loop, machine::Machine& machine,
                                                   const std::string& address, bool wait);

  // The machine has ended: tells GDB, and waits until that has gone out. The loop is not running.
  void finish();

 private:
  GdbServer(EventLoop& loop, machine::Machine& machine);
  void serve();
  void send(std::string_view bytes);
  void flush();

  MachineTarget target_;
  Session session_;
  std::unique_ptr<SocketConsole> stream_;
  std::string unsent_;
};

}  // namespace orrery::vmm::gdb
