// What the subcommands of `orrery snapshot` share; the rest is that of `orrery store`.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/store/store.hpp"
#include "snapshot/library.hpp"

namespace orrery::cli::snapshot_commands {

using disk::on_command;
using disk::print_json;
using store_commands::local_time;
using store_commands::utc_time;

// Besides those of every command (docs/orrery-snapshot.md): a snapshot is damaged.
inline constexpr int kDamaged = store_commands::kDamaged;

// "--library FOLDER"
void add_library(CLI::App& command, std::string& folder);

// Each adds one subcommand.
void add_create(CLI::App& group, int& status);
void add_list(CLI::App& group, int& status);
void add_show(CLI::App& group, int& status);
void add_verify(CLI::App& group, int& status);
void add_delete(CLI::App& group, int& status);
void add_merge(CLI::App& group, int& status);
void add_revert(CLI::App& group, int& status);
void add_export(CLI::App& group, int& status);
void add_import(CLI::App& group, int& status);
void add_push(CLI::App& group, int& status);

}  // namespace orrery::cli::snapshot_commands
