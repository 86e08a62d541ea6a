#include "cli/cluster/cluster.hpp"

#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/disk/disk.hpp"
#include "cli/secret_file.hpp"
#include "cluster/client/text_table.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cli::cluster_commands {

void add_where(CLI::App& command, Where& where) {
  command
      .add_option(
          "--panel", where.panel,
          "HOST:PORT of the control panel; 127.0.0.1:8472. Several that are one, with commas")
      ->envname("ORRERY_PANEL");
  command
      .add_option("--token-file", where.token_file,
                  "a file with your token, such as the admin.token of `orrery panel`")
      ->envname("ORRERY_TOKEN_FILE");
}

Result<cluster::ApiClient> connect(EventLoop& loop, const Where& where) {
  if (where.token_file.empty()) {
    return fail("--token-file (or ORRERY_TOKEN_FILE): the panel wants to know who asks");
  }
  ORRERY_TRY(const std::string token, read_secret(where.token_file));
  return cluster::ApiClient::create(loop, {.panel = where.panel, .token = token});
}

CLI::App* add_asking(CLI::App& group, int& status, const std::string& name, const std::string& help,
                     Work work) {
  CLI::App* const command = group.add_subcommand(name, help);
  const auto where = std::make_shared<Where>();
  add_where(*command, *where);
  command->add_flag("--json", where->json, "print the panel's answer for programs");
  disk::on_command(*command, status,
                   [where, work = std::move(work)](EventLoop& loop) -> Result<int> {
                     ORRERY_TRY(cluster::ApiClient client, connect(loop, *where));
                     ORRERY_TRY(const Json answer, work(client, where->json));
                     if (where->json) disk::print_json(answer);
                     return 0;
                   });
  return command;
}

void print_table(const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows) {
  for (const std::string& line : cluster::table_lines(head, rows)) fmt::print("{}\n", line);
}

std::string path_of(const char* kind, const std::string& name) {
  return format("/v1/{}/{}", kind, http::percent_encode(name));
}

std::string text_in(const Json& object, const char* name) {
  return cluster::text_field(object, name);
}

std::string memory_in(const Json& object, const char* outer) {
  const Json* const inner = cluster::find_field(object, outer);
  if (inner == nullptr) return "?";
  return to_string(Bytes(cluster::field(*inner, "memory", std::uint64_t{0})));
}

}  // namespace orrery::cli::cluster_commands
