#include "vmm/options/options.hpp"

#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/units.hpp"
#include "machine/machine.hpp"
#include "vmm/options/option_values.hpp"

namespace orrery::vmm {
namespace {

using Texts = std::vector<std::string>;

Texts one_unless_empty(const std::string& text) {
  return text.empty() ? Texts{} : Texts{text};
}

Result<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  return fail(format("\"{}\" is neither true nor false", text));
}

template <bool Configuration::*Member>
Result<> apply_flag(Configuration& configuration, std::string_view text) {
  ORRERY_TRY(configuration.*Member, parse_flag(text));
  return {};
}
template <bool Configuration::*Member>
Texts show_flag(const Configuration& configuration) {
  return {configuration.*Member ? "true" : "false"};
}

template <std::string Configuration::*Member>
Result<> apply_text(Configuration& configuration, std::string_view text) {
  configuration.*Member = text;
  return {};
}
template <std::string Configuration::*Member>
Texts show_text(const Configuration& configuration) {
  return one_unless_empty(configuration.*Member);
}

// Member = the values, each with its parser; to_string() writes them.
template <auto Member, auto Parse>
Result<> apply_parsed(Configuration& configuration, std::string_view text) {
  ORRERY_TRY(configuration.*Member, Parse(text));
  return {};
}
template <auto Member>
Texts show_parsed(const Configuration& configuration) {
  return {to_string(configuration.*Member)};
}
template <auto Member, auto Parse>
Result<> apply_list(Configuration& configuration, std::string_view text) {
  ORRERY_TRY(auto value, Parse(text));
  (configuration.*Member).push_back(std::move(value));
  return {};
}
template <auto Member>
Texts show_list(const Configuration& configuration) {
  Texts texts;
  for (const auto& value : configuration.*Member) texts.push_back(to_string(value));
  return texts;
}

Result<> apply_initrd(Configuration& configuration, std::string_view text) {
  for (const std::string_view part : split(text, ',')) {
    if (part.empty()) return fail("an empty file name");
    configuration.initrds.emplace_back(part);
  }
  return {};
}

Result<Bytes> parse_memory(std::string_view text) {
  ORRERY_TRY(const Bytes size, parse_bytes(text));
  constexpr std::uint64_t kLeast = 8_MiB;
  constexpr std::uint64_t kMost = 64 * 1024_GiB;  // what 46 physical address bits reach
  if (size.value() < kLeast || size.value() > kMost) {
    return fail(format("{} is {} bytes; a machine has 8M to 64T", text, size.value()));
  }
  if (!is_aligned(size.value(), kPageSize)) return fail(format("{} is not a multiple of 4K", text));
  return size;
}

// A block needs 128 KiB at most, and the gates some; jumps reach 2 GiB.
Result<Bytes> parse_code_cache(std::string_view text) {
  ORRERY_TRY(const Bytes size, parse_bytes(text));
  if (size < Bytes(1_MiB) || size > Bytes(1_GiB)) {
    return fail(format("{} is {} bytes; a code cache has 1M to 1G", text, size.value()));
  }
  if (!is_aligned(size.value(), kPageSize)) return fail(format("{} is not a multiple of 4K", text));
  return size;
}

Result<unsigned> parse_cpus(std::string_view text) {
  ORRERY_TRY(const std::uint64_t count, parse_number(text, 1, machine::kMaximumVcpus));
  return static_cast<unsigned>(count);
}

constexpr std::array kOptions{
    Option{"kernel", "FILE", OptionKind::kValue, InSnapshot::kFile,
           "kernel to boot: bzImage, PVH or multiboot ELF, multiboot flat, or boot sector", "FILE",
           apply_text<&Configuration::kernel>, show_text<&Configuration::kernel>},
    Option{"initrd", "FILE[,FILE...]", OptionKind::kList, InSnapshot::kFile,
           "initial RAM disk; for multiboot kernels the modules", "FILE", apply_initrd,
           [](const Configuration& c) { return c.initrds; }},
    Option{"append", "TEXT", OptionKind::kValue, InSnapshot::kMachine, "the kernel's command line",
           "", apply_text<&Configuration::command_line>, show_text<&Configuration::command_line>},
    Option{"firmware", "FILE", OptionKind::kValue, InSnapshot::kFile,
           "firmware image to start instead of a kernel, such as SeaBIOS", "FILE",
           apply_text<&Configuration::firmware>, show_text<&Configuration::firmware>},
    Option{"memory", "SIZE", OptionKind::kValue, InSnapshot::kMachine, "guest memory (512M)",
           "256M 512M 1G 2G 4G", apply_parsed<&Configuration::memory, parse_memory>,
           show_parsed<&Configuration::memory>},
    Option{"cpus", "N", OptionKind::kValue, InSnapshot::kMachine, "virtual processors, 1 to 16 (1)",
           "1 2 4 8 16", apply_parsed<&Configuration::cpus, parse_cpus>,
           [](const Configuration& c) { return Texts{format("{}", c.cpus)}; }},
    Option{"engine", "ENGINE", OptionKind::kValue, InSnapshot::kHabit,
           "who executes the guest: auto, kvm, translate or interpret (auto)",
           "auto kvm translate interpret", apply_parsed<&Configuration::engine, parse_engine>,
           show_parsed<&Configuration::engine>},
    Option{"code-cache", "SIZE", OptionKind::kValue, InSnapshot::kHabit,
           "translate: host code kept for each virtual processor (128M)", "4M 16M 32M 128M",
           apply_parsed<&Configuration::code_cache, parse_code_cache>,
           show_parsed<&Configuration::code_cache>},
    Option{"translation", "auto|beside|inline", OptionKind::kValue, InSnapshot::kHabit,
           "translate: on a thread beside each virtual processor, or on its own (auto)",
           "auto beside inline", apply_parsed<&Configuration::translation, parse_translation>,
           show_parsed<&Configuration::translation>},
    Option{"paging", "FEATURES", OptionKind::kValue, InSnapshot::kHabit,
           "on Orrery's engine, to measure: all, none or some of tags,batches,lazy,directed (all)",
           "all none tags batches lazy directed",
           apply_parsed<&Configuration::paging, parse_paging>, show_parsed<&Configuration::paging>},
    Option{"clock-rate", "RATE", OptionKind::kValue, InSnapshot::kHabit,
           "on Orrery's engine: the guest's time goes at this rate of the host's, 0.001 to 10 (1)",
           "0.05 0.5 1", apply_parsed<&Configuration::clock_rate, parse_clock_rate>,
           [](const Configuration& c) { return Texts{format("{}", c.clock_rate)}; }},
    Option{"lockstep", "", OptionKind::kFlag, InSnapshot::kNever,
           "translate: execute every block again by the interpreter and compare; slow", "",
           apply_flag<&Configuration::lockstep>, show_flag<&Configuration::lockstep>},
    Option{"counted", "", OptionKind::kFlag, InSnapshot::kHabit,
           "translate: count the instructions that retire, exactly (the interpreter always does)",
           "", apply_flag<&Configuration::counted>, show_flag<&Configuration::counted>},
    Option{"irqchip", "kernel|machine", OptionKind::kValue, InSnapshot::kMachine,
           "on KVM: its interrupt controllers, or the machine's own (kernel)", "kernel machine",
           apply_parsed<&Configuration::irqchip, parse_irqchip>,
           show_parsed<&Configuration::irqchip>},
    Option{
        "disk",
        "FILE[,format=raw|qcow2|vhdx|...][,readonly][,overlay=FILE][,direct][,verify]"
        "[,serial=TEXT][,encryption=luks,...]",
        OptionKind::kList, InSnapshot::kDisk,
        "disk image (raw, qcow2, vhdx; only read: vhd, vmdk, store:DIR/NAME, store://HOST/NAME) or "
        "block device, as a virtio disk",
        "FILE", apply_list<&Configuration::disks, parse_disk>, show_list<&Configuration::disks>},
    Option{
        "net", "user[,forward=tcp:HOST:GUEST][,mtu=N]|tap=NAME", OptionKind::kList,
        InSnapshot::kConnection,
        "network interface: NAT by the VMM itself, or a tap interface of the host",
        "user user,forward=tcp:2222:22 tap=", apply_list<&Configuration::networks, parse_network>,
        show_list<&Configuration::networks>},
    Option{
        "device", "NAME@HOST[:PORT][,HOST[:PORT]]...", OptionKind::kList, InSnapshot::kConnection,
        "a device model of another host's `orrery device-server` (port 8471); needs --certificate",
        "", apply_list<&Configuration::devices, parse_remote_device>,
        show_list<&Configuration::devices>},
    Option{"certificate", "FILE", OptionKind::kValue, InSnapshot::kConnection,
           "who this VM is to those servers: made by `orrery certificate create`", "FILE",
           apply_text<&Configuration::certificate>, show_text<&Configuration::certificate>},
    Option{
        "identity", "NUMBER", OptionKind::kValue, InSnapshot::kNever,
        "which VM this is to those servers, also when it is started again (its process's number)",
        "", apply_parsed<&Configuration::identity, parse_identity>,
        [](const Configuration& c) {
          return c.identity == 0 ? Texts{} : Texts{format("{}", c.identity)};
        }},
    Option{"console", "stdio|pty|socket=PATH|file=PATH|none", OptionKind::kValue,
           InSnapshot::kConnection, "where the first serial port goes (stdio)",
           "stdio pty socket= file= none", apply_parsed<&Configuration::console, parse_console>,
           show_parsed<&Configuration::console>},
    Option{"virtio-console", "stdio|pty|socket=PATH|file=PATH[,name=TEXT]", OptionKind::kList,
           InSnapshot::kConnection,
           "a port of the virtio console: a terminal (hvc0), or with a name a channel for programs",
           "stdio pty socket= file=",
           apply_list<&Configuration::virtio_consoles, parse_virtio_console>,
           show_list<&Configuration::virtio_consoles>},
    Option{"input", "socket=PATH|pty|none", OptionKind::kValue, InSnapshot::kConnection,
           "where lines of text that move keyboard and mouse come from (none)", "socket= pty none",
           apply_parsed<&Configuration::input, parse_input>, show_parsed<&Configuration::input>},
    Option{
        "no-reboot", "", OptionKind::kFlag, InSnapshot::kHabit, "exit when the guest resets itself",
        "",
        [](Configuration& c, std::string_view text) -> Result<> {
          ORRERY_TRY(const bool set, parse_flag(text));
          c.reboot = set ? Reboot::kExit : Reboot::kRestart;
          return {};
        },
        [](const Configuration& c) { return Texts{c.reboot == Reboot::kExit ? "true" : "false"}; }},
    Option{"debug-exit", "", OptionKind::kFlag, InSnapshot::kMachine,
           "a write of N to port 0xF4 exits with status (N << 1) | 1", "",
           apply_flag<&Configuration::debug_exit>, show_flag<&Configuration::debug_exit>},
    Option{"gdb", "[HOST:]PORT[,wait]", OptionKind::kValue, InSnapshot::kNever,
           "wait for GDB there; with wait, the guest does, too", "1234 1234,wait",
           apply_parsed<&Configuration::gdb, parse_gdb>,
           [](const Configuration& c) { return one_unless_empty(to_string(c.gdb)); }},
    Option{"snapshot", "NAME[,disks=FOLDER][,library=FOLDER]", OptionKind::kValue,
           InSnapshot::kNever,
           "go on from a snapshot instead of booting; disks: keep this run's disks there", "FILE",
           apply_parsed<&Configuration::snapshot, parse_snapshot>,
           [](const Configuration& c) { return one_unless_empty(to_string(c.snapshot)); }},
    Option{"control", "PATH", OptionKind::kValue, InSnapshot::kNever,
           "a socket at which `orrery control PATH` tells the VM what to do", "FILE",
           apply_text<&Configuration::control>, show_text<&Configuration::control>},
    Option{"sandbox", "on|off", OptionKind::kValue, InSnapshot::kNever,
           "whether the running VM may make only the system calls it needs (on)", "on off",
           apply_parsed<&Configuration::sandbox, parse_switch>,
           [](const Configuration& c) { return Texts{c.sandbox ? "on" : "off"}; }},
    Option{"engine-stats", "", OptionKind::kFlag, InSnapshot::kNever,
           "print what the engine did, at the end", "",
           apply_flag<&Configuration::engine_statistics>,
           show_flag<&Configuration::engine_statistics>},
    Option{"verbose", "", OptionKind::kFlag, InSnapshot::kNever, "say what is being done", "",
           apply_flag<&Configuration::verbose>, show_flag<&Configuration::verbose>},
};

bool names(std::span<const Setting> settings, const Option* option) {
  return std::any_of(settings.begin(), settings.end(),
                     [&](const Setting& setting) { return setting.option == option; });
}

Result<> apply(Configuration& configuration, const Setting& setting) {
  const Result<> applied = setting.option->apply(configuration, setting.value);
  if (!applied) return fail(applied.error().context(setting.origin));
  return {};
}

// Standard input and output have one user, and a virtio console has a limit.
Result<> check_consoles(const Configuration& configuration) {
  const auto& ports = configuration.virtio_consoles;
  constexpr std::size_t kMostPorts = 31;  // device::virtio::Console's
  if (ports.size() > kMostPorts) {
    return fail(format("--virtio-console: {} ports; at most {} fit", ports.size(), kMostPorts));
  }
  const auto on_stdio = std::count_if(ports.begin(), ports.end(), [](const auto& port) {
    return port.console.kind == ConsoleOptions::Kind::kStdio;
  });
  if (on_stdio > 1) return fail("--virtio-console stdio: only one port can be there");
  if (on_stdio == 1 && configuration.console.kind == ConsoleOptions::Kind::kStdio) {
    return fail(
        "--virtio-console stdio: the first serial port is there already; move it with "
        "--console none (or pty, file=PATH, socket=PATH)");
  }
  return {};
}

// A TOML basic string (TOML 1.0, "String").
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < ' ' || code == 0x7f) {
      result += format("\\u{:04X}", code);
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

std::span<const Option> options() {
  return kOptions;
}

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(kOptions.begin(), kOptions.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == kOptions.end() ? nullptr : &*found;
}

Result<Configuration> configure(std::span<const Setting> from_file,
                                std::span<const Setting> from_command_line) {
  Configuration configuration;
  for (const Setting& setting : from_file) {
    if (names(from_command_line, setting.option)) continue;
    ORRERY_CHECK(apply(configuration, setting));
  }
  for (const Setting& setting : from_command_line) ORRERY_CHECK(apply(configuration, setting));
  ORRERY_CHECK(check_consoles(configuration));
  if (configuration.devices.empty() == !configuration.certificate.empty()) {
    return fail(configuration.devices.empty()
                    ? "--certificate is for the servers of --device; add one, or leave it away"
                    : "--device: its server asks who this is; add --certificate FILE (made by "
                      "`orrery certificate create`)");
  }
  if (configuration.lockstep &&
      (configuration.engine != Engine::kTranslate || configuration.cpus != 1)) {
    return fail(
        "--lockstep compares the translator's blocks on one processor; it needs "
        "--engine translate and --cpus 1");
  }
  if (configuration.translation == Translation::kBeside &&
      (configuration.counted || configuration.lockstep)) {
    return fail(
        "--translation beside: when code is ready is up to chance, which --counted and --lockstep "
        "must not depend on; leave it away");
  }
  if (configuration.counted && configuration.engine != Engine::kTranslate &&
      configuration.engine != Engine::kInterpret) {
    return fail(
        "--counted: only Orrery's own engine counts instructions; it needs --engine translate "
        "or --engine interpret");
  }
  return configuration;
}

std::string to_toml(const Configuration& configuration) {
  std::string text;
  for (const Option& option : kOptions) {
    const Texts values = option.show(configuration);
    if (values.empty()) continue;
    text += format("{} = ", option.name);
    if (option.kind == OptionKind::kList) {
      text += '[';
      for (std::size_t i = 0; i < values.size(); ++i) {
        text += (i == 0 ? "" : ", ") + quoted(values[i]);
      }
      text += "]\n";
    } else {
      text += (option.kind == OptionKind::kFlag ? values[0] : quoted(values[0])) + '\n';
    }
  }
  return text;
}

}  // namespace orrery::vmm
