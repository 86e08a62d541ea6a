// `orrery disk check`.
#include "base/format.hpp"
#include "cli/disk/disk.hpp"
#include "storage/tools/disk_content.hpp"

namespace orrery::cli::disk {
namespace {

constexpr int kErrors = 2;
constexpr int kLeaks = 3;

struct Given {
  std::string path;
  bool repair = false;
  bool content = false;
  bool json = false;
};

void print(const storage::CheckReport& report) {
  for (const std::string& message : report.messages) fmt::print("{}\n", message);
  if (report.errors + report.leaks > report.messages.size()) fmt::print("...\n");
  fmt::print("{} errors, {} clusters lost; {} clusters with data, {} compressed, {} zeroes\n",
             report.errors, report.leaks, report.data_clusters, report.compressed_clusters,
             report.zero_clusters);
}

std::string_view name_of(storage::ContentFinding::Kind kind) {
  using Kind = storage::ContentFinding::Kind;
  switch (kind) {
    case Kind::kWhole: return "whole";
    case Kind::kUnknown: return "unknown";
    case Kind::kChanged: return "changed";
    case Kind::kUnreadable: return "unreadable";
  }
  return "";
}

Result<int> check_content(EventLoop& loop, const Given& given) {
  using Kind = storage::ContentFinding::Kind;
  ORRERY_TRY(const auto findings,
             storage::check_content(loop, given.path, std::nullopt, make_progress("reading")));
  int status = 0;
  nlohmann::json list = nlohmann::json::array();
  for (const storage::ContentFinding& each : findings) {
    if (each.kind == Kind::kChanged || each.kind == Kind::kUnreadable) status = kErrors;
    list.push_back({{"file", each.path}, {"content", name_of(each.kind)}, {"text", each.text}});
    if (!given.json) fmt::print("{}\n", each.text);
  }
  if (given.json) print_json(list);
  return status;
}

Result<int> check(EventLoop& loop, const Given& given) {
  if (given.content && given.repair) return fail("--content finds changes, and repairs nothing");
  if (given.content) return check_content(loop, given);
  const auto repair = given.repair ? storage::Repair::kYes : storage::Repair::kNo;
  ORRERY_TRY(const auto report, storage::check_disk(loop, given.path, std::nullopt, repair));
  if (given.json) {
    print_json({{"errors", report.errors},
                {"leaks", report.leaks},
                {"data_clusters", report.data_clusters},
                {"compressed_clusters", report.compressed_clusters},
                {"zero_clusters", report.zero_clusters},
                {"messages", report.messages}});
  } else {
    print(report);
  }
  if (report.errors != 0) return kErrors;
  return report.leaks != 0 ? kLeaks : 0;
}

}  // namespace

void add_check(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "check", "find damage in a qcow2 or vhdx; exits with 2 for errors, 3 for lost space only");
  const auto given = std::make_shared<Given>();
  command->add_option("file", given->path, "the disk")->required();
  command->add_flag("--repair", given->repair, "count its clusters anew, which mends most damage");
  command->add_flag("--content", given->content,
                    "read all that the disk and those below it hold, and compare it with what "
                    "`seal` wrote down");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop& loop) { return check(loop, *given); });
}

}  // namespace orrery::cli::disk
