// The commands of the control socket: one table, from which the server, the command line and its
// completions take them.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/task.hpp"
#include "vmm/control/target.hpp"

namespace orrery::vmm::control {

// What a client asked for, and what it began before.
struct Call {
  Target& target;
  const nlohmann::json& request;
  std::vector<FileDescriptor> files;  // that came with it
  std::unique_ptr<SnapshotUnderWay>& snapshot;
};

// Each returns the answer's fields.
using CommandTask = Task<Result<nlohmann::json>>;

CommandTask tell_status(Call& call);
CommandTask tell_figures(Call& call);
CommandTask pause(Call& call);
CommandTask resume(Call& call);
CommandTask power_off(Call& call);
CommandTask reset(Call& call);
CommandTask quit(Call& call);
CommandTask move_device(Call& call);
CommandTask begin_snapshot(Call& call);
CommandTask finish_snapshot(Call& call);

struct Command {
  std::string_view name;
  std::string_view help;  // empty: not for people
  CommandTask (*run)(Call& call);
  // Texts of the request, in the order in which the command line has them; empty: no further one.
  std::array<std::string_view, 2> parameters{};
};
inline constexpr std::array kCommands{
    Command{"status", "what the VM is and does", tell_status},
    Command{"figures", "what it has used so far, and what has passed its devices", tell_figures},
    Command{"pause", "stop its processors and its clock, and let its disks finish", pause},
    Command{"resume", "go on after a pause", resume},
    Command{"power-off",
            "press the power button; force it off after 10 seconds, or the second time", power_off},
    Command{"reset", "press the reset button", reset},
    Command{"quit", "end it at once", quit},
    Command{"move-device",
            "have the remote device DEVICE go on at SERVER (HOST[:PORT])",
            move_device,
            {"device", "server"}},
    Command{"snapshot-begin", "", begin_snapshot},
    Command{"snapshot-finish", "", finish_snapshot},
};

// Carries out what a request asks for (request.hpp). An unknown command is an error.
CommandTask run_command(Call& call);

}  // namespace orrery::vmm::control
