// The subcommands of `orrery`: each file adds one to the application, with a callback that does the
// work and leaves the process's exit status in `status`.
#pragma once

#include <array>
#include <string_view>

namespace CLI {
class App;
}

namespace orrery::cli {

void add_run(CLI::App& application, int& status);
void add_control(CLI::App& application, int& status);
void add_disk(CLI::App& application, int& status);
void add_snapshots(CLI::App& application, int& status);
void add_store(CLI::App& application, int& status);
void add_certificate(CLI::App& application, int& status);
void add_device_server(CLI::App& application, int& status);
void add_panel(CLI::App& application, int& status);
void add_host(CLI::App& application, int& status);
void add_vm(CLI::App& application, int& status);
void add_top(CLI::App& application, int& status);
void add_platform(CLI::App& application, int& status);
void add_user(CLI::App& application, int& status);
void add_doctor(CLI::App& application, int& status);
void add_version(CLI::App& application, int& status);
void add_completion(CLI::App& application, int& status);

// Options of `orrery run` that say how to run rather than what: not for configuration files.
struct InvocationOption {
  std::string_view name;
  std::string_view value_name;  // empty: a flag
  std::string_view help;
  std::string_view words;  // as vmm::Option has them
};
inline constexpr InvocationOption kConfigOption{
    "config", "FILE.toml", "take options from a file; the command line wins", "FILE"};
inline constexpr InvocationOption kDryRunOption{
    "dry-run", "", "print the resulting configuration, check the files, and exit", ""};
inline constexpr InvocationOption kEndOption{
    "end", "FILE", "write there how the run ended, for whoever did not start it", "FILE"};
inline constexpr std::array kInvocationOptions{kConfigOption, kDryRunOption, kEndOption};

struct Command {
  std::string_view name;
  std::string_view help;
  void (*add)(CLI::App& application, int& status);
};
inline constexpr std::array kCommands{
    Command{"run", "run a virtual machine", add_run},
    Command{"control", "tell a running virtual machine what to do", add_control},
    Command{"disk", "make, look at and change disk images", add_disk},
    Command{"snapshot", "keep the state of running virtual machines, and go on from it",
            add_snapshots},
    Command{"store", "keep many related disk images, what is equal once", add_store},
    Command{"certificate",
            "make certificates for servers of device models and for those who use them",
            add_certificate},
    Command{"device-server", "give device models to virtual machines on other hosts",
            add_device_server},
    Command{"panel", "know and steer the virtual machines of many hosts", add_panel},
    Command{"host", "run virtual machines here as a panel wants it", add_host},
    Command{"vm", "make, start, stop and use virtual machines of a panel", add_vm},
    Command{"top", "show what the hosts and virtual machines of a panel use", add_top},
    Command{"platform", "the hosts of a panel", add_platform},
    Command{"user", "who may use a panel", add_user},
    Command{"doctor", "report what this host has and lacks for virtual machines", add_doctor},
    Command{"version", "print the version", add_version},
    Command{"completion", "print completions for a shell", add_completion},
};

// Of `orrery disk`, for completions.
inline constexpr std::string_view kDiskCommands =
    "create info check convert map resize seal commit rebase compare snapshot export-nbd key";

// Of `orrery store`, likewise.
inline constexpr std::string_view kStoreCommands =
    "add list show extract remove tag gc scrub verify serve";

// Of `orrery certificate`, likewise.
inline constexpr std::string_view kCertificateCommands = "authority create";
// Of `orrery snapshot`, likewise.
inline constexpr std::string_view kSnapshotCommands =
    "create list show verify revert delete merge export import push";

// Of the commands that ask a control panel, likewise.
struct PanelCommands {
  std::string_view command;
  std::string_view names;
};
inline constexpr std::array kPanelCommands{
    PanelCommands{"vm",
                  "create list show start stop reset pause suspend resume move-device release "
                  "remove console logs"},
    PanelCommands{"platform", "list show drain open remove token"},
    PanelCommands{"user", "list create remove"},
};

// The help text of a command, from the table above.
std::string_view help_of(std::string_view command);

}  // namespace orrery::cli
