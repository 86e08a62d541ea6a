#include "vmm/backends.hpp"

#include "base/format.hpp"
#include "network/tap.hpp"
#include "vmm/console/file_console.hpp"
#include "vmm/console/pty_console.hpp"
#include "vmm/console/socket_console.hpp"
#include "vmm/console/stdio_console.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {

namespace {

// WHAT the console is, for the user who looks for its pseudo-terminal.
Result<std::unique_ptr<DescriptorConsole>> make_backend(EventLoop& loop,
                                                        const ConsoleOptions& options,
                                                        std::string_view what,
                                                        std::function<void()> quit) {
  using Kind = ConsoleOptions::Kind;
  switch (options.kind) {
    case Kind::kStdio: return StdioConsole::create(loop, std::move(quit));
    case Kind::kFile: return FileConsole::create(loop, options.target);
    case Kind::kSocket: return SocketConsole::create(loop, options.target);
    case Kind::kNone: return nullptr;
    case Kind::kPty: break;
  }
  ORRERY_TRY(auto pty, PtyConsole::create(loop));
  fmt::print(stderr, "orrery: {} on {}\n", what, pty->path());
  return pty;
}

}  // namespace

Result<std::unique_ptr<DescriptorConsole>> make_console(EventLoop& loop,
                                                        const ConsoleOptions& options,
                                                        std::function<void()> quit) {
  auto console = make_backend(loop, options, "console", std::move(quit));
  if (!console) return fail(console.error().context("--console"));
  return console;
}

Result<std::unique_ptr<DescriptorConsole>> make_console(EventLoop& loop,
                                                        const VirtioConsoleOptions& options,
                                                        std::function<void()> quit) {
  const std::string what =
      options.name.empty() ? "virtio console" : "virtio console port " + options.name;
  auto console = make_backend(loop, options.console, what, std::move(quit));
  if (!console) return fail(console.error().context("--virtio-console"));
  return console;
}

Result<std::unique_ptr<DescriptorConsole>> make_input(EventLoop& loop,
                                                      const ConsoleOptions& options) {
  auto stream = make_backend(loop, options, "input", {});
  if (!stream) return fail(stream.error().context("--input"));
  return stream;
}

Result<std::unique_ptr<port::Blocks>> make_disk(EventLoop& loop,
                                                const storage::DiskOptions& options,
                                                storage::OpenReport& report) {
  auto disk = storage::open_disk(loop, options, &report);
  if (!disk) return fail("--disk " + disk.error().message());
  return disk;
}

Result<std::unique_ptr<port::Frames>> make_network(EventLoop& loop, const NetworkOptions& options) {
  const auto* const user = std::get_if<network::UserNetworkOptions>(&options);
  auto made = user != nullptr ? network::create_user_network(loop, *user)
                              : network::open_tap(loop, std::get<TapOptions>(options).name);
  if (!made) return fail(made.error().context("--net " + to_string(options)));
  return made;
}

}  // namespace orrery::vmm
