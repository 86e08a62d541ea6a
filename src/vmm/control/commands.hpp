// The commands of the control socket: one table, from which the server, the command line and its
// completions take them.
#pragma once

#include <array>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "vmm/control/target.hpp"

namespace orrery::vmm::control {

using CommandTask = Task<Result<nlohmann::json>>;

// Each returns the answer's fields.
CommandTask tell_status(Target& target);
CommandTask pause(Target& target);
CommandTask resume(Target& target);
CommandTask power_off(Target& target);
CommandTask reset(Target& target);
CommandTask quit(Target& target);

struct Command {
  std::string_view name;
  std::string_view help;
  CommandTask (*run)(Target& target);
};
inline constexpr std::array kCommands{
    Command{"status", "what the VM is and does", tell_status},
    Command{"pause", "stop its processors and its clock, and let its disks finish", pause},
    Command{"resume", "go on after a pause", resume},
    Command{"power-off",
            "press the power button; force it off after 10 seconds, or the second time", power_off},
    Command{"reset", "press the reset button", reset},
    Command{"quit", "end it at once", quit},
};

// Carries out what a request asks for (request.hpp). An unknown command is an error.
CommandTask run_command(const nlohmann::json& request, Target& target);

}  // namespace orrery::vmm::control
