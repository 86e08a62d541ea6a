// `orrery store`: the group, and what its subcommands share.
#include "cli/store/store.hpp"

#include <array>
#include <ctime>

#include <fmt/chrono.h>

#include "base/files/mapped_file.hpp"
#include "base/format.hpp"
#include "cli/commands.hpp"

namespace orrery::cli {
namespace store_commands {

Result<std::unique_ptr<store::Store>> open_store(const std::string& folder) {
  return store::Store::open(store::host_files(folder));
}

Result<std::string> read_text(const std::string& path) {
  ORRERY_TRY(const auto file, MappedFile::open(path));
  const ByteSpan bytes = file->bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

namespace {

std::time_t seconds_of(std::uint64_t nanoseconds) {
  return static_cast<std::time_t>(nanoseconds / 1'000'000'000);
}

}  // namespace

std::string local_time(std::uint64_t nanoseconds) {
  return format("{:%Y-%m-%d %H:%M}", fmt::localtime(seconds_of(nanoseconds)));
}

std::string utc_time(std::uint64_t nanoseconds) {
  return format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds_of(nanoseconds)));
}

std::string rounded(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? format("{} bytes", bytes) : format("{:.1f} {}", value, kUnits[unit]);
}

int print_scrub(const store::ScrubReport& report, bool json) {
  if (json) {
    print_json({{"packs", report.packs},
                {"segments", report.segments},
                {"images", report.images},
                {"bytes", report.bytes},
                {"damage", report.damage},
                {"damaged_images", report.damaged_images}});
  } else {
    for (const std::string& each : report.damage) fmt::print("{}\n", each);
    fmt::print("{} images, {} packs, {} segments with {}: ", report.images, report.packs,
               report.segments, rounded(report.bytes));
    if (report.damage.empty()) {
      fmt::print("all whole\n");
    } else {
      fmt::print("damaged; images that cannot be read whole: {}\n",
                 report.damaged_images.empty()
                     ? "none"
                     : fmt::to_string(fmt::join(report.damaged_images, " ")));
    }
  }
  return report.damage.empty() ? 0 : kDamaged;
}

}  // namespace store_commands

void add_store(CLI::App& application, int& status) {
  CLI::App* const group = application.add_subcommand("store", std::string(help_of("store")));
  group->require_subcommand(1);
  using namespace store_commands;
  for (const auto add : {add_add, add_list, add_show, add_extract, add_remove, add_tag, add_gc,
                         add_scrub, add_verify, add_serve, add_push}) {
    add(*group, status);
  }
}

}  // namespace orrery::cli
