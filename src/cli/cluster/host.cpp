// `orrery host`.
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/loop/run_until_done.hpp"
#include "cli/cluster/cluster.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cli/secret_file.hpp"
#include "cluster/host/agent.hpp"
#include "cluster/host/facts.hpp"
#include "cluster/registry/registry.hpp"
#include "store/digest.hpp"
#include "vmm/host/signals.hpp"
#include "vmm/host/system_entropy.hpp"

namespace orrery::cli {
namespace {

using cluster::host::Agent;

struct Given {
  std::string state;
  std::string panel = cluster_commands::kUsualPanel;
  std::string name;
  std::string join_file;
  std::vector<std::string> files;
  std::vector<std::string> labels;
  bool verbose = false;
};

// The agent's own, made at its first start, before it joins: so that it can ask again where an
// answer is lost.
Result<std::string> secret_of(const std::string& state) {
  const std::string path = state + "/secret";
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return read_secret(path);
  std::array<std::byte, 32> random;
  vmm::SystemEntropy().fill(random);
  std::string secret = "host-";
  for (const std::byte each : random) secret += format("{:02x}", static_cast<unsigned>(each));
  ORRERY_CHECK(write_secret(path, secret + "\n"));
  return secret;
}

Result<std::map<std::string, std::string>> labels_of(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) return fail(format("--label {}: write NAME=VALUE", text));
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

// The first start: the platform becomes known, by a token that is good once.
Result<> join(EventLoop& loop, const Given& given, const std::string& secret,
              const cluster::PlatformFacts& facts) {
  ORRERY_TRY(const std::string token, read_secret(given.join_file));
  ORRERY_TRY(cluster::ApiClient client,
             cluster::ApiClient::create(loop, {.panel = given.panel, .token = token}));
  const auto joined = client.ask(http::Method::kPost, "/v1/platforms",
                                 {{"name", given.name},
                                  {"credential", cluster::digest_of(secret)},
                                  {"facts", cluster::to_json(facts)}});
  if (!joined) return fail(joined.error().context("--join-file"));
  return {};
}

// One agent at a time: two would not know of each other's processes.
Result<FileDescriptor> lock_state(const std::string& state) {
  if (::mkdir(state.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return fail_errno(state + ": cannot be made");
  }
  FileDescriptor lock(::open((state + "/agent.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail_errno(state + ": cannot be used");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return fail(state + ": another `orrery host` uses it");
}

Result<> run_until_signal(EventLoop& loop, Agent& agent) {
  vmm::SignalActions actions;
  actions.end = [&](int /*number*/) { agent.stop(); };
  actions.continued = [] {};
  ORRERY_TRY(const auto signals, vmm::Signals::create(loop, std::move(actions)));
  return run_until_done(loop, agent.run());
}

Result<int> serve(EventLoop& loop, const Given& given) {
  if (given.verbose) log::set_level(log::Level::kInfo);
  vmm::block_served_signals();
  ORRERY_CHECK(store::load_hasher());
  ORRERY_TRY(const FileDescriptor lock, lock_state(given.state));
  const std::string state = std::filesystem::canonical(given.state);
  ORRERY_TRY(const std::string secret, secret_of(state));
  ORRERY_TRY(const auto labels, labels_of(given.labels));
  const cluster::PlatformFacts facts = cluster::host::facts_of_host(ORRERY_VERSION, labels);
  if (!given.join_file.empty()) ORRERY_CHECK(join(loop, given, secret, facts));
  auto panels = find_tcp_servers(given.panel);
  if (!panels) return fail(panels.error().context("--panel"));
  std::vector<std::string> files;
  files.reserve(given.files.size());
  for (const std::string& each : given.files) files.push_back(std::filesystem::canonical(each));
  Agent agent(loop, {.state = state,
                     .files = std::move(files),
                     .program = std::filesystem::canonical("/proc/self/exe"),
                     .link = {.panels = std::move(*panels),
                              .platform = given.name,
                              .secret = secret,
                              .facts = facts}});
  ORRERY_CHECK(agent.recover());
  ORRERY_CHECK(run_until_signal(loop, agent));
  return 0;
}

}  // namespace

void add_host(CLI::App& application, int& status) {
  CLI::App* const command = application.add_subcommand("host", std::string(help_of("host")));
  const auto given = std::make_shared<Given>();
  command
      ->add_option("state", given->state,
                   "the agent's folder: its secret, and what it knows of its virtual machines")
      ->required();
  command->add_option("--name", given->name, "the platform's")->required();
  command
      ->add_option(
          "--panel", given->panel,
          "HOST:PORT of the control panel; 127.0.0.1:8472. Several that are one, with commas")
      ->envname("ORRERY_PANEL");
  command->add_option("--join-file", given->join_file,
                      "the first time: a file with a token of `orrery platform token`");
  command
      ->add_option("--files", given->files,
                   "a folder whose files virtual machines may have; relative names are in the "
                   "first; several times for several")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--label", given->labels,
                      "NAME=VALUE, for placement; several times for several");
  command->add_flag("--verbose", given->verbose, "tell what is done");
  disk::on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli
