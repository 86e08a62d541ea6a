// `orrery platform` and `orrery user`: platforms and users of a control panel.
#include <array>

#include "base/format.hpp"
#include "cli/cluster/cluster.hpp"
#include "cli/commands.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cli {
namespace cluster_commands {
namespace {

using cluster::ApiClient;
using http::Method;

std::string hypervisors_of(const Json& platform) {
  std::string kinds;
  for (const Json& each : platform.value("hypervisors", Json::array())) {
    kinds += (kinds.empty() ? "" : ",") + text_in(each, "kind");
  }
  return kinds;
}

void print_platforms(const Json& platforms) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& each : platforms) {
    const bool draining = cluster::field(each, "draining", false);
    rows.push_back({text_in(each, "name"), text_in(each, "state") + (draining ? ", draining" : ""),
                    format("{}", cluster::field(each, "vms", 0U)), memory_in(each, "allocated"),
                    memory_in(each, "capacity"), hypervisors_of(each)});
  }
  print_table({"NAME", "STATE", "VMS", "ALLOCATED", "MEMORY", "HYPERVISORS"}, rows);
}

struct Action {
  const char* name;
  const char* help;
  Method method;
  const char* path;  // behind the platform's
};
constexpr std::array kActions{
    Action{"show", "all about one", Method::kGet, ""},
    Action{"drain", "give it no more virtual machines; those that run there go on", Method::kPost,
           "/drain"},
    Action{"open", "give it virtual machines again", Method::kPost, "/open"},
    Action{"remove", "forget one that owns no virtual machines", Method::kDelete, ""},
};

void add_action(CLI::App& group, int& status, const Action& action) {
  const auto name = std::make_shared<std::string>();
  CLI::App* const command = add_asking(
      group, status, action.name, action.help,
      [name, action](ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json platform,
                   client.ask(action.method, path_of("platforms", *name) + action.path, Json()));
        if (!json) print_platforms(Json::array({platform}));
        return platform;
      });
  command->add_option("name", *name, "the platform")->required();
}

void add_token(CLI::App& group, int& status) {
  const auto minutes = std::make_shared<unsigned>(60);
  CLI::App* const command = add_asking(
      group, status, "token", "print a token by which one more platform may join, once",
      [minutes](ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json answer,
                   client.ask(Method::kPost, "/v1/join-tokens", {{"minutes", *minutes}}));
        if (!json) fmt::print("{}\n", text_in(answer, "token"));
        return answer;
      });
  command->add_option("--minutes", *minutes, "how long it is good for; 60 if left away");
}

void add_user_create(CLI::App& group, int& status) {
  struct Given {
    std::string name;
    std::string role;
  };
  const auto given = std::make_shared<Given>();
  CLI::App* const command = add_asking(
      group, status, "create", "make one, and print his token, which nobody can tell again",
      [given](ApiClient& client, bool json) -> Result<Json> {
        ORRERY_TRY(Json answer, client.ask(Method::kPost, "/v1/users",
                                           {{"name", given->name}, {"role", given->role}}));
        if (!json) fmt::print("{}\n", text_in(answer, "token"));
        return answer;
      });
  command->add_option("name", given->name, "the user")->required();
  command->add_option("--role", given->role, "viewer, operator or administrator")->required();
}

}  // namespace
}  // namespace cluster_commands

void add_platform(CLI::App& application, int& status) {
  namespace commands = cluster_commands;
  CLI::App* const group = application.add_subcommand("platform", std::string(help_of("platform")));
  group->require_subcommand(1);
  commands::add_asking(*group, status, "list", "all of them",
                       [](cluster::ApiClient& client, bool json) -> Result<commands::Json> {
                         ORRERY_TRY(commands::Json platforms, client.get_all("/v1/platforms"));
                         if (!json) commands::print_platforms(platforms);
                         return platforms;
                       });
  for (const auto& action : commands::kActions) commands::add_action(*group, status, action);
  commands::add_token(*group, status);
}

void add_user(CLI::App& application, int& status) {
  namespace commands = cluster_commands;
  CLI::App* const group = application.add_subcommand("user", std::string(help_of("user")));
  group->require_subcommand(1);
  commands::add_asking(
      *group, status, "list", "all of them",
      [](cluster::ApiClient& client, bool json) -> Result<commands::Json> {
        ORRERY_TRY(commands::Json users, client.get_all("/v1/users"));
        std::vector<std::vector<std::string>> rows;
        for (const auto& each : users) {
          rows.push_back({commands::text_in(each, "name"), commands::text_in(each, "role")});
        }
        if (!json) commands::print_table({"NAME", "ROLE"}, rows);
        return users;
      });
  commands::add_user_create(*group, status);
  const auto name = std::make_shared<std::string>();
  commands::add_asking(*group, status, "remove", "remove one, and his token",
                       [name](cluster::ApiClient& client, bool /*json*/) {
                         return client.ask(http::Method::kDelete, commands::path_of("users", *name),
                                           {});
                       })
      ->add_option("name", *name, "the user")
      ->required();
}

}  // namespace orrery::cli
