// `orrery doctor`: the host report of vmm/host_report.hpp, for people.
#include <string>

#include <CLI/CLI.hpp>

#include "base/format.hpp"
#include "cli/commands.hpp"
#include "vmm/host/host_report.hpp"

namespace orrery::cli {
namespace {

std::string_view mark(vmm::Finding::Grade grade) {
  switch (grade) {
    case vmm::Finding::Grade::kGood: return "ok";
    case vmm::Finding::Grade::kLimited: return "limited";
    case vmm::Finding::Grade::kMissing: return "missing";
  }
  return "";
}

}  // namespace

void add_doctor(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("doctor", std::string(help_of("doctor")));
  command->callback([&status] {
    for (const vmm::Finding& finding : vmm::examine_host()) {
      fmt::print("{:<14} {:<8} {}\n", finding.subject, mark(finding.grade), finding.text);
      if (!finding.remedy.empty()) fmt::print("{:<14} {:<8} {}\n", "", "", "-> " + finding.remedy);
    }
    status = 0;
  });
}

}  // namespace orrery::cli
