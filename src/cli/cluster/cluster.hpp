// What the commands that ask a control panel share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "cluster/client/api_client.hpp"

namespace orrery::cli::cluster_commands {

using Json = nlohmann::json;

inline constexpr const char* kUsualPanel = "127.0.0.1:8472";

// Where the panel is, and who asks: options, or the environment.
struct Where {
  std::string panel = kUsualPanel;
  std::string token_file;
  bool json = false;
};
void add_where(CLI::App& command, Where& where);

Result<cluster::ApiClient> connect(EventLoop& loop, const Where& where);

// `orrery vm` and its like: a subcommand that asks the panel, and prints what it answers; WORK
// returns what --json prints, after it has printed what people read (where --json is not there).
using Work = std::function<Result<Json>(cluster::ApiClient& client, bool json)>;
CLI::App* add_asking(CLI::App& group, int& status, const std::string& name, const std::string& help,
                     Work work);

// Columns of equal width, with a head.
void print_table(const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows);

// "/v1/vms/NAME"
std::string path_of(const char* kind, const std::string& name);

std::string text_in(const Json& object, const char* name);
// Of the number of bytes at object[outer]["memory"].
std::string memory_in(const Json& object, const char* outer);

// Bytes both ways between a VM's console and the terminal, until Ctrl-A x or the VM's end.
Result<> use_console(EventLoop& loop, http::ClientSocket& socket);

}  // namespace orrery::cli::cluster_commands
