// `orrery completion`: completions for bash, zsh and fish, written from the tables of commands and
// options, so that they never lag behind.
#include <string>

#include <CLI/CLI.hpp>

#include "base/format.hpp"
#include "cli/commands.hpp"
#include "vmm/control/commands.hpp"
#include "vmm/options/options.hpp"

namespace orrery::cli {
namespace {

constexpr std::string_view kFile = "FILE";

std::string command_names() {
  std::string names;
  for (const Command& command : kCommands) names += format(" {}", command.name);
  return names.substr(1);
}

std::string control_names() {
  std::string names;
  for (const vmm::control::Command& command : vmm::control::kCommands) {
    if (!command.help.empty()) names += format(" {}", command.name);
  }
  return names.substr(1);
}

// Calls VISIT(name, takes_value, words, help) for every option of `orrery run`.
template <typename Visit>
void for_each_run_option(Visit visit) {
  for (const vmm::Option& option : vmm::options()) {
    visit(option.name, option.kind != vmm::OptionKind::kFlag, option.words, option.help);
  }
  for (const InvocationOption& option : kInvocationOptions) {
    visit(option.name, !option.value_name.empty(), option.words, option.help);
  }
}

void print_bash() {
  std::string names;
  std::string cases;
  std::string groups;
  for (const PanelCommands& group : kPanelCommands) {
    groups += format(
        "  if [ \"${{COMP_WORDS[1]}}\" = {} ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
        "    COMPREPLY=($(compgen -W '{}' -- \"$word\")); return\n  fi\n",
        group.command, group.names);
  }
  for_each_run_option([&](std::string_view name, bool takes_value, std::string_view words,
                          std::string_view /*help*/) {
    names += format(" --{}", name);
    if (!takes_value) return;
    const std::string reply = words == kFile
                                  ? std::string(
                                        "compopt -o filenames; COMPREPLY=($(compgen -f -- "
                                        "\"$word\"))")
                                  : format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", words);
    cases += format("    --{}) {}; return ;;\n", name, reply);
  });
  fmt::print(R"(# orrery completions for bash: source <(orrery completion bash)
_orrery() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
  if [ "${{COMP_WORDS[1]}}" = completion ]; then
    COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word")); return
  fi
  if [ "${{COMP_WORDS[1]}}" = disk ]; then
    if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return
  fi
  if [ "${{COMP_WORDS[1]}}" = store ]; then
    if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return
  fi
  if [ "${{COMP_WORDS[1]}}" = certificate ]; then
    if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return
  fi
  if [ "${{COMP_WORDS[1]}}" = snapshot ]; then
    if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return
  fi
  if [ "${{COMP_WORDS[1]}}" = control ]; then
    if [ "$COMP_CWORD" = 3 ]; then COMPREPLY=($(compgen -W '{}' -- "$word")); return; fi
    compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return
  fi
{}  [ "${{COMP_WORDS[1]}}" = run ] || return
  case $previous in
{}  esac
  COMPREPLY=($(compgen -W '{}' -- "$word"))
}}
complete -F _orrery orrery
)",
             command_names(), kDiskCommands, kStoreCommands, kCertificateCommands,
             kSnapshotCommands, control_names(), groups, cases, names.substr(1));
}

// zsh takes colons and brackets in descriptions for its own.
std::string plain(std::string_view text) {
  std::string result;
  for (const char c : text) result += (c == ':' || c == '[' || c == ']' || c == '\'') ? ' ' : c;
  return result;
}

void print_zsh() {
  std::string arguments;
  std::string groups;
  for (const PanelCommands& group : kPanelCommands) {
    groups += format("    {}) if (( CURRENT == 3 )); then compadd {}; else _files; fi ;;\n",
                     group.command, group.names);
  }
  for_each_run_option(
      [&](std::string_view name, bool takes_value, std::string_view words, std::string_view help) {
        const std::string action = !takes_value     ? std::string()
                                   : words == kFile ? std::string(":file:_files")
                                                    : format(":value:({})", words);
        arguments += format("      '*--{}[{}]{}' \\\n", name, plain(help), action);
      });
  fmt::print(R"(#compdef orrery
# orrery completions for zsh: source <(orrery completion zsh)
_orrery() {{
  if (( CURRENT == 2 )); then compadd {}; return; fi
  case ${{words[2]}} in
    completion) compadd bash zsh fish ;;
    disk) if (( CURRENT == 3 )); then compadd {}; else _files; fi ;;
    store) if (( CURRENT == 3 )); then compadd {}; else _files; fi ;;
    certificate) if (( CURRENT == 3 )); then compadd {}; else _files; fi ;;
    snapshot) if (( CURRENT == 3 )); then compadd {}; else _files; fi ;;
    control) if (( CURRENT == 4 )); then compadd {}; else _files; fi ;;
{}    run) _arguments \
{}      && return ;;
  esac
}}
compdef _orrery orrery
)",
             command_names(), kDiskCommands, kStoreCommands, kCertificateCommands,
             kSnapshotCommands, control_names(), groups, arguments);
}

void print_fish() {
  fmt::print("# orrery completions for fish: orrery completion fish | source\n");
  for (const Command& command : kCommands) {
    fmt::print("complete -c orrery -f -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
               command.help);
  }
  fmt::print("complete -c orrery -n '__fish_seen_subcommand_from disk' -a '{}'\n", kDiskCommands);
  fmt::print("complete -c orrery -n '__fish_seen_subcommand_from store' -a '{}'\n", kStoreCommands);
  fmt::print("complete -c orrery -n '__fish_seen_subcommand_from certificate' -a '{}'\n",
             kCertificateCommands);
  fmt::print("complete -c orrery -n '__fish_seen_subcommand_from snapshot' -a '{}'\n",
             kSnapshotCommands);
  fmt::print("complete -c orrery -n '__fish_seen_subcommand_from control' -a '{}'\n",
             control_names());
  for (const PanelCommands& group : kPanelCommands) {
    fmt::print("complete -c orrery -n '__fish_seen_subcommand_from {}' -a '{}'\n", group.command,
               group.names);
  }
  fmt::print(
      "complete -c orrery -f -n '__fish_seen_subcommand_from completion' "
      "-a 'bash zsh fish'\n");
  for_each_run_option(
      [](std::string_view name, bool takes_value, std::string_view words, std::string_view help) {
        const std::string action = !takes_value     ? std::string()
                                   : words == kFile ? std::string(" -r -F")
                                                    : format(" -x -a '{}'", words);
        fmt::print("complete -c orrery -n '__fish_seen_subcommand_from run' -l {}{} -d '{}'\n",
                   name, action, plain(help));
      });
}

}  // namespace

void add_completion(CLI::App& application, int& status) {
  CLI::App* const command =
      application.add_subcommand("completion", std::string(help_of("completion")));
  const auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &status] {
    if (*shell == "bash") print_bash();
    if (*shell == "zsh") print_zsh();
    if (*shell == "fish") print_fish();
    status = 0;
  });
}

}  // namespace orrery::cli
