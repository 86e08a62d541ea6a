// What the subcommands of `orrery store` share; the rest is that of `orrery disk`.
#pragma once

#include <memory>
#include <string>

#include "cli/disk/disk.hpp"
#include "store/scrub.hpp"
#include "store/store.hpp"

namespace orrery::cli::store_commands {

using disk::make_progress;
using disk::on_command;
using disk::print_json;

// Besides those of every command (docs/orrery-store.md): damage was found.
inline constexpr int kDamaged = 2;

Result<std::unique_ptr<store::Store>> open_store(const std::string& folder);

// A text file; errors name it.
Result<std::string> read_text(const std::string& path);

// "2026-11-26 13:52" by the host's clock, and for programs "2026-11-26T13:52:29Z".
std::string local_time(std::uint64_t nanoseconds);
std::string utc_time(std::uint64_t nanoseconds);

// "1.3 GiB"
std::string rounded(std::uint64_t bytes);

// Prints what was found, and gives the exit status.
int print_scrub(const store::ScrubReport& report, bool json);

// Each adds one subcommand.
void add_add(CLI::App& group, int& status);
void add_push(CLI::App& group, int& status);
void add_list(CLI::App& group, int& status);
void add_show(CLI::App& group, int& status);
void add_extract(CLI::App& group, int& status);
void add_remove(CLI::App& group, int& status);
void add_tag(CLI::App& group, int& status);
void add_gc(CLI::App& group, int& status);
void add_scrub(CLI::App& group, int& status);
void add_serve(CLI::App& group, int& status);
void add_verify(CLI::App& group, int& status);

}  // namespace orrery::cli::store_commands
