// `orrery device-server`.
#include "vmm/remote/device_server.hpp"

#include <CLI/CLI.hpp>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"

namespace orrery::cli {
namespace {

struct Given {
  vmm::DeviceServerOptions options{.listen = "127.0.0.1:8471", .certificate = {}, .devices = {}};
  std::vector<std::string> devices;
  std::vector<std::string> routes;
  std::string open = "start";
  std::string sandbox = "on";
  bool verbose = false;
};

Result<int> serve(EventLoop& loop, Given given) {
  if (given.verbose) log::set_level(log::Level::kInfo);
  for (const std::string& text : given.devices) {
    auto device = vmm::parse_served_device(text);
    if (!device) return fail(device.error().context("--device"));
    given.options.devices.push_back(std::move(*device));
  }
  using Open = vmm::DeviceServerOptions::Open;
  given.options.open = given.open == "use" ? Open::kOnUse : Open::kAtStart;
  for (const std::string& text : given.routes) {
    auto route = vmm::parse_served_route(text);
    if (!route) return fail(route.error().context("--route"));
    given.options.routes.push_back(std::move(*route));
  }
  if (given.options.devices.empty() && given.options.routes.empty()) {
    return fail("there is nothing to serve: write --device NAME=KIND, or --route NAME=HOST");
  }
#if defined(ORRERY_SANITIZED)
  given.options.sandbox = false;  // as in vmm::Configuration
#else
  given.options.sandbox = given.sandbox == "on";
#endif
  return vmm::run_device_server(loop, given.options);
}

}  // namespace

void add_device_server(CLI::App& application, int& status) {
  CLI::App* const command =
      application.add_subcommand("device-server", std::string(help_of("device-server")));
  const auto given = std::make_shared<Given>();
  command->add_option("--listen", given->options.listen,
                      "ADDRESS:PORT; 127.0.0.1:8471 if left away");
  command
      ->add_option("--certificate", given->options.certificate,
                   "who this server is: made by `orrery certificate create` with --address")
      ->required();
  command->add_option("--device", given->devices,
                      "NAME=disk:FILE[,...], NAME=net:user[,...], NAME=console:pty, NAME=rng, "
                      "NAME=serial:pty, NAME=keyboard[:pty], NAME=rtc; what stands behind the "
                      "colon is as for --disk, --net, --virtio-console, --console and --input of "
                      "`orrery run`");
  command->add_option("--route", given->routes,
                      "NAME=HOST[:PORT]: that device model is on another server, to which what "
                      "comes for it is forwarded");
  command
      ->add_option(
          "--open", given->open,
          "when disks are opened. start: when the server starts; use: when a VM opens them, "
          "until it ends, so that other servers may have them, too; start if left away")
      ->check(CLI::IsMember({"start", "use"}));
  command->add_option("--sandbox", given->sandbox, "on or off; on if left away")
      ->check(CLI::IsMember({"on", "off"}));
  command->add_flag("--verbose", given->verbose, "tell who comes and goes");
  disk::on_command(*command, status, [given](EventLoop& loop) { return serve(loop, *given); });
}

}  // namespace orrery::cli
