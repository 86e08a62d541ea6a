// What an agent and the panel tell each other over their WebSocket: docs/formats/panel-link.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "cluster/link/figures.hpp"
#include "cluster/registry/platform.hpp"
#include "cluster/registry/vm.hpp"
#include "cluster/registry/vms.hpp"

namespace orrery::cluster::link {

// Another one is refused.
inline constexpr unsigned kVersion = 1;

// Agent, first of all.
struct Hello {
  unsigned version = kVersion;
  PlatformFacts facts = {};
};
// Panel, then.
struct Welcome {
  std::chrono::seconds lease{0};  // the agent is heard of more often than this
};
// Agent: it is there. Panel: so is it.
struct Alive {};
// Agent: what became of VMs.
struct Report {
  std::vector<VmReport> vms = {};
};

// One VM that a platform owns.
struct Assignment {
  std::string vm = {};
  std::uint64_t epoch = 0;
  Desired desired = {};
  VmOptions options = {};
  bool resume = false;   // it goes on from the state that the platform has kept, or not at all
  DeviceMove move = {};  // number, device and server of one that is under way; number 0: none is
};
Assignment assignment_of(const Vm& vm);
// Panel: all that the platform owns.
struct Assign {
  std::vector<Assignment> vms = {};
  std::uint64_t given_up = 0;  // how many kept states of VMs were: the agent tells which it has
};
// Panel: a process for this VM and epoch, or an older one, has to end; state that was kept of it is
// nobody's any more.
struct Revoke {
  std::string vm = {};
  std::uint64_t epoch = 0;
};

enum class ConsoleUse : std::uint8_t { kConsole, kLog };
// Panel: somebody wants to use a VM's console; the agent opens /v1/consoles/CONSOLE.
struct OpenConsole {
  std::string vm = {};
  std::string console = {};
  ConsoleUse use = ConsoleUse::kConsole;
};

// Panel: somebody watches; the agent tells the figures of all its VMs, once.
struct Measure {};
// Agent: those of one.
struct Figures {
  std::string vm = {};
  VmFigures figures = {};
};

using Message =
    std::variant<Hello, Welcome, Alive, Report, Assign, Revoke, OpenConsole, Measure, Figures>;

std::string to_text(const Message& message);
// An error: it is none. Fields of no use here are ignored.
Result<Message> parse_message(std::string_view text);

}  // namespace orrery::cluster::link
