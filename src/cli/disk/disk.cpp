// `orrery disk`: the group, and what its subcommands share.
#include "cli/disk/disk.hpp"

#include <atomic>
#include <csignal>

#include <unistd.h>

#include "base/format.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"

namespace orrery::cli {
namespace disk {
namespace {

// Set by the signal handler, read between pieces of work.
std::atomic<bool> interrupted = false;

void interrupt(int /*signal*/) {
  interrupted.store(true, std::memory_order_relaxed);
}

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = interrupt;
  // The second one ends the process as usual.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

class Bar {
 public:
  explicit Bar(std::string what)
      : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1) {}

  bool show(std::uint64_t done, std::uint64_t total) {
    constexpr unsigned kWidth = 40;
    const auto percent = static_cast<unsigned>(total == 0 ? 100 : done * 100.0 / total);
    if (terminal_ && percent != shown_) {
      shown_ = percent;
      const unsigned full = percent * kWidth / 100;
      fmt::print(stderr, "\r{} [{}{}] {:3} %{}", what_, std::string(full, '#'),
                 std::string(kWidth - full, ' '), percent, done == total ? "\n" : "");
      std::fflush(stderr);
    }
    if (!interrupted.load(std::memory_order_relaxed)) return true;
    if (terminal_) fmt::print(stderr, "\n");
    return false;
  }

 private:
  const std::string what_;
  const bool terminal_;
  unsigned shown_ = 101;
};

}  // namespace

void on_command(CLI::App& command, int& status, Work work) {
  std::string name;  // "orrery disk snapshot list"
  for (const CLI::App* each = &command; each != nullptr; each = each->get_parent()) {
    if (!name.empty()) name.insert(0, " ");
    name.insert(0, each->get_name());
  }
  command.callback([name, work = std::move(work), &status] {
    Result<int> result = kFailed;
    auto loop = EventLoop::create();
    result = loop ? work(**loop) : fail(loop.error());
    if (!result) fmt::print(stderr, "{}: {}\n", name, result.error().message());
    status = result.value_or(kFailed);
  });
}

storage::Progress make_progress(std::string what) {
  watch_for_interrupt();
  return [bar = std::make_shared<Bar>(std::move(what))](std::uint64_t done, std::uint64_t total) {
    return bar->show(done, total);
  };
}

Result<std::optional<storage::Format>> format_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  ORRERY_TRY(const storage::Format format, storage::parse_format(name));
  return format;
}

Result<storage::Format> format_of_new(const std::string& path, const std::string& said) {
  if (!said.empty()) return storage::parse_format(said);
  if (path.ends_with(".vhdx")) return storage::Format::kVhdx;
  return path.ends_with(".raw") ? storage::Format::kRaw : storage::Format::kQcow2;
}

Result<std::uint32_t> cluster_size_of(const std::string& said) {
  if (said.empty()) return 0;
  ORRERY_TRY(const Bytes size, parse_bytes(said));
  if (size > Bytes(1_GiB) || size == Bytes(0)) {
    return fail("--cluster-size: at most 2M, or 256M for a vhdx");
  }
  return static_cast<std::uint32_t>(size.value());
}

void print_json(const nlohmann::json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace disk

void add_disk(CLI::App& application, int& status) {
  CLI::App* const group = application.add_subcommand("disk", std::string(help_of("disk")));
  group->require_subcommand(1);
  for (const auto add :
       {disk::add_create, disk::add_info, disk::add_check, disk::add_convert, disk::add_map,
        disk::add_resize, disk::add_commit, disk::add_rebase, disk::add_compare, disk::add_snapshot,
        disk::add_export_nbd, disk::add_key, disk::add_seal, disk::add_lease}) {
    add(*group, status);
  }
}

}  // namespace orrery::cli
