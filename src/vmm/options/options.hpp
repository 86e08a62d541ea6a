// The options of `orrery run`, in one table: the command line, the configuration file, --dry-run,
// the shell completions and the manual page all derive from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

enum class OptionKind : std::uint8_t {
  kFlag,   // present or not; in a file true or false
  kValue,  // one value
  kList,   // may be given several times; in a file also an array
};

// What becomes of an option when a snapshot of the VM is made, and when one goes on from it.
enum class InSnapshot : std::uint8_t {
  kNever,       // it is about one run
  kMachine,     // kept, and cannot be another: the machine is what it is
  kFile,        // the same, of a file that a reset needs: its path is kept whole
  kDisk,        // cannot be another; what is kept of disks is more than the option
  kHabit,       // kept, and may be another
  kConnection,  // the same, but it is about the host: not for those who bring it to another
};

struct Option {
  std::string_view name;  // without dashes; also the key in a configuration file
  std::string_view value_name;
  OptionKind kind;
  InSnapshot in_snapshot;
  std::string_view help;
  std::string_view words;  // complete these, separated by blanks; "FILE" stands for any file
  // Sets the option from its text ("true" or "false" for a flag); a list's first value replaces the
  // default.
  Result<> (*apply)(Configuration& configuration, std::string_view text);
  // The present values as text; empty where the option is at "nothing".
  std::vector<std::string> (*show)(const Configuration& configuration);
};

std::span<const Option> options();
const Option* find_option(std::string_view name);

// One value for one option, and whose it is ("--disk", "vm.toml: disk"), for errors.
struct Setting {
  const Option* option = nullptr;
  std::string value;
  std::string origin;
};

// Applies settings in order. Of the file's, those are left out that the command line gives too.
Result<Configuration> configure(std::span<const Setting> from_file,
                                std::span<const Setting> from_command_line);

// The whole configuration as a configuration file.
std::string to_toml(const Configuration& configuration);

}  // namespace orrery::vmm
