// What the subcommands of `orrery disk` share.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::cli::disk {

// Besides those of every command (docs/orrery-disk.md).
inline constexpr int kFailed = 1;

// Runs WORK with a loop of its own when the subcommand was given; WORK returns the exit status, an
// error is printed and becomes kFailed.
using Work = std::function<Result<int>(EventLoop& loop)>;
void on_command(CLI::App& command, int& status, Work work);

// A bar on standard error, only on a terminal; false once the user interrupts (SIGINT, SIGTERM).
storage::Progress make_progress(std::string what);

inline constexpr std::string_view kFormatOfOld =
    "raw, qcow2, vhdx, vhd or vmdk; if left away, what it looks like";
inline constexpr std::string_view kFormatOfNew =
    "raw, qcow2 or vhdx; if left away, by a name that ends in .raw or .vhdx, else qcow2";
inline constexpr std::string_view kClusterSize =
    "qcow2: 512 to 2M, 64K if left away; vhdx: its blocks, 1M to 256M, 32M if left away";

// "raw", "qcow2", ...; empty: to be found out.
Result<std::optional<storage::Format>> format_of(const std::string& name);

// Of a new file: as said, or else raw or VHDX where it is named so, or else qcow2.
Result<storage::Format> format_of_new(const std::string& path, const std::string& said);

// Of clusters, as said; empty: 0, the usual.
Result<std::uint32_t> cluster_size_of(const std::string& said);

void print_json(const nlohmann::json& value);

void add_create(CLI::App& group, int& status);
void add_key(CLI::App& group, int& status);
void add_info(CLI::App& group, int& status);
void add_check(CLI::App& group, int& status);
void add_convert(CLI::App& group, int& status);
void add_map(CLI::App& group, int& status);
void add_lease(CLI::App& group, int& status);
void add_resize(CLI::App& group, int& status);
void add_commit(CLI::App& group, int& status);
void add_rebase(CLI::App& group, int& status);
void add_compare(CLI::App& group, int& status);
void add_export_nbd(CLI::App& group, int& status);
void add_seal(CLI::App& group, int& status);
void add_snapshot(CLI::App& group, int& status);

}  // namespace orrery::cli::disk
