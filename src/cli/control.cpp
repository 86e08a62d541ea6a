// `orrery control`: one command to a running VM, through the socket of its --control.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "vmm/control/client.hpp"
#include "vmm/control/commands.hpp"
#include "vmm/vmm.hpp"

namespace orrery::cli {
namespace {

using Json = nlohmann::json;

struct Given {
  std::string path;
  std::string command;
  std::vector<std::string> arguments;
  bool json = false;
};

// The request, with the command's parameters by their names.
Result<Json> request_of(const Given& given) {
  Json request = {{"command", given.command}};
  std::size_t taken = 0;
  const auto command =
      std::ranges::find(vmm::control::kCommands, given.command, &vmm::control::Command::name);
  for (const std::string_view parameter : command->parameters) {
    if (parameter.empty()) continue;
    if (taken == given.arguments.size()) {
      return fail(format("{} needs a {} as well; see --help", given.command, parameter));
    }
    request[std::string(parameter)] = given.arguments[taken++];
  }
  if (taken == given.arguments.size()) return request;
  return fail(format("{} has no use for \"{}\"", given.command, given.arguments[taken]));
}

void print_status(const Json& status) {
  fmt::print("{} on {}, {} vCPUs, {} of memory\n", status.value("state", "?"),
             status.value("hypervisor", "?"), status.value("vcpus", 0U),
             to_string(Bytes(status.value("memory", std::uint64_t{0}))));
  for (const Json& disk : status.value("disks", Json::array())) {
    fmt::print("disk {}{}: {} requests under way\n", disk.value("path", "?"),
               disk.value("read_only", false) ? ", read-only" : "", disk.value("under_way", 0U));
  }
  for (const Json& device : status.value("devices", Json::array())) {
    fmt::print("device {}@{}{}\n", device.value("name", "?"), device.value("server", "?"),
               device.value("found", true) ? "" : ", looked for");
  }
}

void print_figures(const Json& figures) {
  constexpr double kSecond = 1e9;
  const auto bytes_in = [](const Json& json, const char* name) {
    return to_string(Bytes(json.value(name, std::uint64_t{0})));
  };
  fmt::print("{:.2f} s of processors, {} of the host's memory\n",
             figures.value("processor_ns", 0.0) / kSecond, bytes_in(figures, "resident"));
  for (const Json& device : figures.value("devices", Json::array())) {
    fmt::print("{}: {} in, {}; {} out, {}\n", device.value("name", "?"),
               device.value("in", std::uint64_t{0}), bytes_in(device, "in_bytes"),
               device.value("out", std::uint64_t{0}), bytes_in(device, "out_bytes"));
  }
}

Result<> control(const Given& given) {
  ORRERY_TRY(const Json request, request_of(given));
  ORRERY_TRY(auto client, vmm::control::Client::connect(given.path));
  ORRERY_TRY(const Json answer, client.ask(request));
  if (given.json) {
    fmt::print("{}\n", answer.dump(2));
  } else if (given.command == "status") {
    print_status(answer);
  } else if (given.command == "figures") {
    print_figures(answer);
  }
  return {};
}

}  // namespace

void add_control(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("control", std::string(help_of("control")));
  std::string footer = "Commands:\n";
  std::set<std::string> names;
  for (const vmm::control::Command& each : vmm::control::kCommands) {
    if (each.help.empty()) continue;
    footer += format("  {:<12}{}\n", each.name, each.help);
    names.emplace(each.name);
  }
  command->footer(footer);
  const auto given = std::make_shared<Given>();
  command->add_option("path", given->path, "the socket that the VM's --control names")->required();
  command->add_option("command", given->command, "what it is told, of the list below")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("arguments", given->arguments, "what the command is about, if anything");
  command->add_flag("--json", given->json, "print the answer for programs");
  command->callback([given, &status] {
    const Result<> done = control(*given);
    if (!done) fmt::print(stderr, "orrery control: {}\n", done.error().message());
    status = done ? 0 : vmm::exit_status::kHostError;
  });
}

}  // namespace orrery::cli
