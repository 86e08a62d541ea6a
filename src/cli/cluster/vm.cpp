// `orrery vm`: virtual machines of a control panel.
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <thread>

#include "base/format.hpp"
#include "cli/cluster/cluster.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cluster/registry/device_model.hpp"
#include "vmm/options/configuration_file.hpp"
#include "vmm/options/options.hpp"

namespace orrery::cli {
namespace cluster_commands {
namespace {

using http::Method;

void print_vm(const Json& vm) {
  fmt::print("{} is {}{}{}\n", text_in(vm, "name"), text_in(vm, "state"),
             text_in(vm, "platform").empty() ? "" : " on " + text_in(vm, "platform"),
             text_in(vm, "detail").empty() ? "" : ": " + text_in(vm, "detail"));
}

// What is asked for by a POST that has no more than a name.
struct Action {
  const char* name;
  const char* help;
};
constexpr std::array kActions{
    Action{"start", "start it, where there is room"},
    Action{"reset", "press its reset button"},
    Action{"pause", "stop its processors and its clock"},
    Action{"suspend", "keep its state on its platform, and end it"},
    Action{"resume", "let it go on after a pause, or where it was suspended"},
    Action{
        "release",
        "take it from a platform that is lost, on your word that it does not run there any more"},
};

void add_action(CLI::App& group, int& status, const Action& action) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command = add_asking(
      group, status, action.name, action.help,
      [name, what = std::string(action.name)](cluster::ApiClient& client,
                                              bool json) -> Result<Json> {
        ORRERY_TRY(Json vm, client.ask(Method::kPost, path_of("vms", *name) + "/" + what, Json()));
        if (!json) print_vm(vm);
        return vm;
      });
  command->add_option("name", *name, "the virtual machine")->required();
}

void add_stop(CLI::App& group, int& status) {
  struct Given {
    std::string name;
    bool force = false;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* const command = add_asking(
      group, status, "stop", "press its power button; the guest is forced off after ten seconds",
      [given](cluster::ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json vm, client.ask(Method::kPost, path_of("vms", given->name) + "/stop",
                                       {{"force", given->force}}));
        if (!json) print_vm(vm);
        return vm;
      });
  command->add_option("name", given->name, "the virtual machine")->required();
  command->add_flag(
      "--force", given->force,
      "at once, as when the plug is pulled; of a suspended one: its state is given up");
}

cluster::DeviceMove move_in(const Json& vm) {
  const Json* const move = cluster::find_field(vm, "move");
  return move == nullptr ? cluster::DeviceMove() : cluster::move_of(*move);
}

// Until the move that was asked for has come to its end.
Result<Json> wait_for_move(cluster::ApiClient& client, const std::string& name, Json vm) {
  const std::uint64_t number = move_in(vm).number;
  // A move takes milliseconds, or until a server that is not there is given up.
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  while (move_in(vm).number == number && move_in(vm).under_way()) {
    std::this_thread::sleep_for(kBetweenLooks);
    ORRERY_TRY(vm, client.get(path_of("vms", name)));
  }
  const cluster::DeviceMove move = move_in(vm);
  if (move.number == number && move.state == cluster::DeviceMove::State::kRefused) {
    return fail(format("{} stays where it was: {}", move.device, move.detail));
  }
  return vm;
}

std::string place_of(const cluster::DeviceModel& model) {
  if (model.server.empty()) return "in its own process";
  return (model.found ? "at " : "looked for at ") + model.server;
}

void add_move_device(CLI::App& group, int& status) {
  struct Given {
    std::string name;
    std::string device;
    std::string target;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* const command = add_asking(
      group, status, "move-device",
      "have a device model that is at a device server go on at another, while the guest runs",
      [given](cluster::ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json asked,
                   client.ask(Method::kPost, path_of("vms", given->name) + "/move-device",
                              {{"device", given->device}, {"target", given->target}}));
        ORRERY_TRY(Json vm, wait_for_move(client, given->name, std::move(asked)));
        if (json) return vm;
        for (const cluster::DeviceModel& model : cluster::guest_facts_of(vm).models) {
          if (model.name != given->device || model.server.empty()) continue;
          fmt::print("{} of {} is {}\n", given->device, given->name, place_of(model));
        }
        return vm;
      });
  command->add_option("name", given->name, "the virtual machine")->required();
  command->add_option("device", given->device, "the device model, such as disk0")->required();
  command->add_option("target", given->target, "the device server: HOST or HOST:PORT")->required();
}

void add_remove(CLI::App& group, int& status) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command =
      add_asking(group, status, "remove", "forget a stopped one; its disks stay",
                 [name](cluster::ApiClient& client, bool /*json*/) {
                   return client.ask(Method::kDelete, path_of("vms", *name), Json());
                 });
  command->add_option("name", *name, "the virtual machine")->required();
}

void add_show(CLI::App& group, int& status) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command = add_asking(
      group, status, "show", "all about one",
      [name](cluster::ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json vm, client.get(path_of("vms", *name)));
        if (json) return vm;
        print_vm(vm);
        for (const auto& model : cluster::guest_facts_of(vm).models) {
          fmt::print("  device model {}: {}, {}\n", model.name, model.kind, place_of(model));
        }
        for (const auto& [field, value] : vm.items()) {
          if (field == "models") continue;
          fmt::print("  {:<14}{}\n", field,
                     value.is_string() ? value.get<std::string>() : value.dump());
        }
        return vm;
      });
  command->add_option("name", *name, "the virtual machine")->required();
}

void add_list(CLI::App& group, int& status) {
  struct Given {
    std::string state;
    std::string platform;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* const command = add_asking(
      group, status, "list", "all of them",
      [given](cluster::ApiClient& client, bool json) -> Result<Json> {
        std::string path = "/v1/vms?";
        if (!given->state.empty()) path += "state=" + http::percent_encode(given->state) + "&";
        if (!given->platform.empty()) {
          path += "platform=" + http::percent_encode(given->platform) + "&";
        }
        path.pop_back();
        ORRERY_TRY(Json vms, client.get_all(path));
        if (json) return vms;
        std::vector<std::vector<std::string>> rows;
        for (const Json& vm : vms) {
          rows.push_back({text_in(vm, "name"), text_in(vm, "state"), text_in(vm, "platform"),
                          memory_in(vm, "needs"), text_in(vm, "guest"), text_in(vm, "detail")});
        }
        print_table({"NAME", "STATE", "PLATFORM", "MEMORY", "GUEST", "DETAIL"}, rows);
        return vms;
      });
  command->add_option("--state", given->state, "only those in this state");
  command->add_option("--platform", given->platform, "only those that it owns");
}

// What `orrery vm create` was given: `orrery run`'s options, and where the VM may run.
struct Wanted {
  std::string name;
  std::string config;
  std::map<std::string, std::vector<std::string>> options;
  std::string guest;
  std::string restart = "never";
  std::string platform;
  std::vector<std::string> labels;
  std::string hypervisor;
  std::vector<std::string> abilities;
  std::string apart;
};

Result<Json> body_of(const Wanted& wanted) {
  std::map<std::string, std::vector<std::string>> options;
  if (!wanted.config.empty()) {
    ORRERY_TRY(const auto settings, vmm::read_configuration_file(wanted.config));
    for (const vmm::Setting& each : settings) {
      options[std::string(each.option->name)].push_back(each.value);
    }
  }
  for (const auto& [name, values] : wanted.options) {
    if (!values.empty()) options[name] = values;
  }
  Json placement = Json::object();
  for (const std::string& label : wanted.labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos) return fail(format("--label {}: write NAME=VALUE", label));
    placement["labels"][label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (!wanted.platform.empty()) placement["platform"] = wanted.platform;
  if (!wanted.hypervisor.empty()) placement["hypervisor"] = wanted.hypervisor;
  if (!wanted.abilities.empty()) placement["abilities"] = wanted.abilities;
  if (!wanted.apart.empty()) placement["apart"] = wanted.apart;
  return Json{{"name", wanted.name},
              {"options", options},
              {"guest", wanted.guest},
              {"restart", wanted.restart},
              {"placement", placement}};
}

void add_create(CLI::App& group, int& status) {
  const auto wanted = std::make_shared<Wanted>();
  CLI::App* const command = add_asking(
      group, status, "create", "make one, from the options of `orrery run`; it is stopped",
      [wanted](cluster::ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(const Json body, body_of(*wanted));
        ORRERY_TRY(Json vm, client.ask(Method::kPost, "/v1/vms", body));
        if (!json) print_vm(vm);
        return vm;
      });
  command->add_option("name", wanted->name, "small letters, digits, dashes and dots")->required();
  for (const vmm::Option& option : vmm::options()) {
    const std::string dashed = "--" + std::string(option.name);
    auto& texts = wanted->options[std::string(option.name)];
    if (option.kind == vmm::OptionKind::kFlag) {
      command->add_flag_callback(
          dashed, [&texts] { texts = {"true"}; }, std::string(option.help));
      continue;
    }
    command->add_option(dashed, texts, std::string(option.help))
        ->type_name(std::string(option.value_name))
        ->allow_extra_args(false);
  }
  command->add_option("--config", wanted->config, "take options from a file, as `orrery run` does");
  command->add_option("--guest", wanted->guest, "what runs in it, for people");
  command->add_option("--restart", wanted->restart, "never (as if left away), or on-failure");
  command->add_option("--on", wanted->platform, "only on this platform");
  command->add_option("--label", wanted->labels,
                      "NAME=VALUE: only on platforms that have it; several times for several");
  command->add_option("--hypervisor", wanted->hypervisor, "only on this kind: kvm or soft");
  command->add_option("--ability", wanted->abilities, "that the hypervisor has to have");
  command->add_option("--apart", wanted->apart,
                      "TEXT: not where another one is that has the same TEXT here");
}

void add_console(CLI::App& group, int& status, const char* name, const char* help,
                 const char* path) {
  struct Given {
    Where where;
    std::string name;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* const command = group.add_subcommand(name, help);
  add_where(*command, given->where);
  command->add_option("name", given->name, "the virtual machine")->required();
  disk::on_command(*command, status,
                   [given, path = std::string(path)](EventLoop& loop) -> Result<int> {
                     ORRERY_TRY(cluster::ApiClient client, connect(loop, given->where));
                     ORRERY_TRY(const auto socket, client.open(path_of("vms", given->name) + path));
                     ORRERY_CHECK(use_console(loop, *socket));
                     return 0;
                   });
}

}  // namespace
}  // namespace cluster_commands

void add_vm(CLI::App& application, int& status) {
  CLI::App* const group = application.add_subcommand("vm", std::string(help_of("vm")));
  group->require_subcommand(1);
  cluster_commands::add_create(*group, status);
  cluster_commands::add_list(*group, status);
  cluster_commands::add_show(*group, status);
  for (const auto& action : cluster_commands::kActions) {
    cluster_commands::add_action(*group, status, action);
  }
  cluster_commands::add_stop(*group, status);
  cluster_commands::add_move_device(*group, status);
  cluster_commands::add_remove(*group, status);
  cluster_commands::add_console(*group, status, "console",
                                "use its first serial port; Ctrl-A x leaves", "/console");
  cluster_commands::add_console(*group, status, "logs",
                                "print what its first serial port has printed", "/log");
}

}  // namespace orrery::cli
