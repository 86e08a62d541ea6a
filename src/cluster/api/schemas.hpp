// The fields of what goes in and comes out, by kind. Private to cluster/api/.
#pragma once

#include <array>

#include "cluster/api/routes.hpp"

namespace orrery::cluster::api {

inline constexpr std::array kVmBody{
    Field{"name", Type::kText, "small letters, digits, dashes and dots", true},
    Field{"options", Type::kObject,
          "those of `orrery run`, by their names without dashes: a text, or a list of texts", true},
    Field{"guest", Type::kText, "what runs in it, for people"},
    Field{"placement", Type::kObject,
          "where it may run: platform, labels, hypervisor, abilities, apart"},
    Field{"restart", Type::kText, "never, or on-failure"},
};
// The same without the name, which stands in the path.
inline constexpr std::array kVmChange{kVmBody[1], kVmBody[2], kVmBody[3], kVmBody[4]};

inline constexpr std::array kVmAnswer{
    Field{"name", Type::kText, "its name"},
    Field{"id", Type::kNumber, "its identifier in I/O packets"},
    Field{"revision", Type::kNumber, "also the ETag: for If-Match"},
    Field{"options", Type::kObject, "those of `orrery run`"},
    Field{"guest", Type::kText, "what runs in it, for people"},
    Field{"placement", Type::kObject, "where it may run"},
    Field{"restart", Type::kText, "never, or on-failure"},
    Field{"needs", Type::kObject, "memory in bytes, and cpus"},
    Field{"desired", Type::kObject, "power, force, suspend, paused, resets: what it should do"},
    Field{"state", Type::kText,
          "stopped, pending, starting, running, paused, stopping, failed, unknown, suspending or "
          "suspended"},
    Field{"suspended_on", Type::kText, "the platform that keeps its state; empty: none"},
    Field{"detail", Type::kText, "of the state, for people"},
    Field{"platform", Type::kText, "who owns it; empty: nobody"},
    Field{"epoch", Type::kNumber, "how often it had an owner"},
    Field{"last_platform", Type::kText, "who owned it before"},
    Field{"failures", Type::kNumber, "since it last ran well, or was started by a person"},
    Field{"created", Type::kText, "when, in UTC"},
    Field{"runs_on", Type::kText, "the kind of hypervisor; empty: it does not run"},
    Field{"running_since", Type::kText, "when, in UTC; empty: it does not run"},
    Field{"models", Type::kList, "its device models, each with name, kind, server, found"},
    Field{"move", Type::kObject,
          "the last move of a device model: number, device, server, state (none, under way, done "
          "or refused), detail"},
};
inline constexpr Schema kVm{"Vm", kVmAnswer};

inline constexpr std::array kStopBody{
    Field{"force", Type::kFlag, "at once, as when the plug is pulled"},
};

inline constexpr std::array kMoveBody{
    Field{"device", Type::kText, "the device model's name", true},
    Field{"target", Type::kText, "the device server: HOST or HOST:PORT", true},
};

inline constexpr std::array kModelAnswer{
    Field{"vm", Type::kText, "whose device it is"},
    Field{"platform", Type::kText, "where that runs"},
    Field{"name", Type::kText, "its name, such as disk0"},
    Field{"kind", Type::kText, "serial, disk, network, console, entropy or remote"},
    Field{"server", Type::kText, "where the model runs, host:port; empty: in the VM's process"},
    Field{"found", Type::kFlag, "false while it is being looked for there"},
};
inline constexpr Schema kModel{"DeviceModel", kModelAnswer};

inline constexpr std::array kGuestAnswer{
    Field{"vm", Type::kText, "in which it runs"},
    Field{"guest", Type::kText, "what it is, for people"},
    Field{"state", Type::kText, "that of the virtual machine"},
    Field{"platform", Type::kText, "on which"},
    Field{"runs_on", Type::kText, "the kind of hypervisor"},
    Field{"running_since", Type::kText, "when, in UTC"},
    Field{"needs", Type::kObject, "memory in bytes, and cpus"},
};
inline constexpr Schema kGuest{"Guest", kGuestAnswer};

inline constexpr std::array kPlatformBody{
    Field{"name", Type::kText, "small letters, digits, dashes and dots", true},
    Field{"credential", Type::kText, "SHA-256 of the agent's secret, in hexadecimal", true},
    Field{"facts", Type::kObject, "capacity, hypervisors, labels, version", true},
};
inline constexpr std::array kPlatformAnswer{
    Field{"name", Type::kText, "its name"},
    Field{"id", Type::kNumber, "its identifier in I/O packets"},
    Field{"revision", Type::kNumber, "also the ETag"},
    Field{"state", Type::kText, "joined, ready or lost"},
    Field{"draining", Type::kFlag, "it gets no more virtual machines"},
    Field{"given_up", Type::kNumber, "kept states of suspended ones that were given up, so far"},
    Field{"capacity", Type::kObject, "memory in bytes, and cpus"},
    Field{"allocated", Type::kObject, "of these to the virtual machines that it owns"},
    Field{"vms", Type::kNumber, "how many it owns"},
    Field{"hypervisors", Type::kList, "each with kind, version and abilities"},
    Field{"labels", Type::kTextMap, "its own, for placement"},
    Field{"version", Type::kText, "of its agent"},
    Field{"joined", Type::kText, "when, in UTC"},
};
inline constexpr Schema kPlatform{"Platform", kPlatformAnswer};

inline constexpr std::array kJoinTokenBody{
    Field{"minutes", Type::kNumber, "how long it is good for; 60 if left away"},
};
inline constexpr std::array kTokenAnswer{
    Field{"token", Type::kText, "the secret; nobody can tell it again"},
};
inline constexpr Schema kToken{"Token", kTokenAnswer};

inline constexpr std::array kUserBody{
    Field{"name", Type::kText, "small letters, digits, dashes and dots", true},
    Field{"role", Type::kText, "viewer, operator or administrator", true},
};
inline constexpr std::array kUserAnswer{
    Field{"name", Type::kText, "the user's name"},
    Field{"role", Type::kText, "viewer, operator, administrator, or host for an agent"},
};
inline constexpr Schema kUser{"User", kUserAnswer};

inline constexpr std::array kEventAnswer{
    Field{"revision", Type::kNumber, "of the change; for `after`"},
    Field{"time", Type::kText, "when, in UTC"},
    Field{"kind", Type::kText, "what happened: created, assigned, running, ..."},
    Field{"subject", Type::kText, "to what: vms/NAME, platforms/NAME, users/NAME"},
    Field{"what", Type::kText, "more about it, for people"},
    Field{"by", Type::kText, "who did it: a user, a platform, or panel"},
};
inline constexpr Schema kEvent{"Event", kEventAnswer};

inline constexpr std::array kFiguresAnswer{
    Field{"vm", Type::kText, "whose"},
    Field{"platform", Type::kText, "where it runs"},
    Field{"taken_ns", Type::kNumber, "when, by a clock of its host"},
    Field{"processor_ns", Type::kNumber, "processor time since its process began"},
    Field{"resident", Type::kNumber, "bytes of its host's memory"},
    Field{"devices", Type::kList, "each with name, in, in_bytes, out, out_bytes"},
};
inline constexpr Schema kFigures{"Figures", kFiguresAnswer};

inline constexpr std::array kAuditAnswer{
    Field{"time", Type::kText, "when, in UTC"},
    Field{"user", Type::kText, "who"},
    Field{"role", Type::kText, "his role then"},
    Field{"request", Type::kText, "what was asked for"},
    Field{"refusal", Type::kText, "why it was not done; empty: it was"},
};
inline constexpr Schema kAudit{"Audit", kAuditAnswer};

inline constexpr std::array kHelpAnswer{
    Field{"paths", Type::kObject, "what can be asked for"},
};
inline constexpr Schema kHelp{"Help", kHelpAnswer};

inline constexpr std::array kPageQuery{
    Field{"limit", Type::kNumber, "how many, 1 to 1000; 100 if left away"},
    Field{"after", Type::kText, "the `next` of the page before"},
};
inline constexpr std::array kVmQuery{
    kPageQuery[0],
    kPageQuery[1],
    Field{"state", Type::kText, "only those in this state"},
    Field{"platform", Type::kText, "only those that it owns"},
};
inline constexpr std::array kModelQuery{
    kPageQuery[0],
    kPageQuery[1],
    Field{"server", Type::kText, "only those that run there, host:port"},
    Field{"platform", Type::kText, "only those of virtual machines that it owns"},
};
inline constexpr std::array kEventQuery{
    kPageQuery[0],
    Field{"after", Type::kNumber, "only those after this revision"},
};

}  // namespace orrery::cluster::api
