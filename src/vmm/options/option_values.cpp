#include "vmm/options/option_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <arpa/inet.h>

#include "base/format.hpp"
#include "base/units.hpp"

namespace orrery::vmm {
namespace {

constexpr std::array<std::pair<std::string_view, Engine>, 4> kEngines{
    {{"auto", Engine::kAuto},
     {"kvm", Engine::kKvm},
     {"translate", Engine::kTranslate},
     {"interpret", Engine::kInterpret}}};

using hypervisor::soft::PagingOptions;

struct PagingFeature {
  std::string_view name;
  bool PagingOptions::*member;
};
constexpr std::array<PagingFeature, 4> kPagingFeatures{{{"tags", &PagingOptions::tags},
                                                        {"batches", &PagingOptions::batches},
                                                        {"lazy", &PagingOptions::lazy_dirty},
                                                        {"directed", &PagingOptions::directed}}};
constexpr PagingOptions kPlainPaging{
    .tags = false, .batches = false, .lazy_dirty = false, .directed = false};

struct ConsoleKind {
  std::string_view name;
  ConsoleOptions::Kind kind;
  std::string_view target;  // what stands behind the "="; empty: nothing
};
constexpr std::array<ConsoleKind, 5> kConsoleKinds{
    {{"stdio", ConsoleOptions::Kind::kStdio, ""},
     {"pty", ConsoleOptions::Kind::kPty, ""},
     {"none", ConsoleOptions::Kind::kNone, ""},
     {"file", ConsoleOptions::Kind::kFile, "PATH"},
     {"socket", ConsoleOptions::Kind::kSocket, "PATH|tcp:HOST:PORT"}}};

// "key=value" as both; a missing "=" leaves the value empty.
struct KeyValue {
  std::string_view key;
  std::string_view value;
};
KeyValue key_value(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Result<std::string> parse_serial(std::string_view text) {
  constexpr std::size_t kMaximum = 20;  // virtio 1.2, 5.2.6: VIRTIO_BLK_T_GET_ID
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (text.empty() || text.size() > kMaximum || !printable) {
    return fail(format("serial \"{}\" is not 1 to {} printable characters", text, kMaximum));
  }
  return std::string(text);
}

// "key-file=PATH" or "key=prompt"; nothing where it is neither.
std::optional<storage::KeySource> parse_key(KeyValue said) {
  using Kind = storage::KeySource::Kind;
  if (said.key == "key-file" && !said.value.empty()) {
    return storage::KeySource{.kind = Kind::kFile, .path = std::string(said.value), .held = {}};
  }
  if (said.key == "key" && said.value == "prompt")
    return storage::KeySource{.kind = Kind::kPrompt, .path = {}, .held = {}};
  return std::nullopt;
}

// An encryption takes a key, and a key an encryption.
Result<> check_encryption(const storage::DiskOptions& disk, bool encrypted) {
  if (encrypted == disk.encryption.has_value()) return {};
  return fail(encrypted ? "encryption=luks takes key-file=PATH or key=prompt, too"
                        : "a key is for encryption=luks; add that, or leave the key away");
}

Result<std::chrono::milliseconds> parse_lease_duration(std::string_view seconds) {
  const auto number =
      parse_number(seconds, static_cast<std::uint64_t>(storage::kShortestLease.count()),
                   static_cast<std::uint64_t>(storage::kLongestLease.count()));
  if (!number) return fail(number.error().context("lease=SECONDS"));
  return std::chrono::seconds(*number);
}

std::string show_lease(const std::optional<std::chrono::milliseconds>& duration) {
  return duration ? orrery::format(",lease={}", duration->count() / 1000) : ",lease";
}

std::string show_key(const storage::KeySource& source) {
  const bool file = source.kind == storage::KeySource::Kind::kFile;
  return ",encryption=luks," + (file ? "key-file=" + source.path : "key=prompt");
}

Result<std::uint16_t> parse_port(std::string_view text) {
  ORRERY_TRY(const std::uint64_t port, parse_number(text, 1, 65535));
  return static_cast<std::uint16_t>(port);
}

Result<network::PortForward> parse_forward(std::string_view text) {
  constexpr std::string_view kForm = "write forward=tcp:[ADDRESS:]HOSTPORT:GUESTPORT";
  auto parts = split(text, ':');
  network::PortForward forward;
  if (parts.size() != 3 && parts.size() != 4) {
    return fail(format("forward \"{}\": {}", text, kForm));
  }
  if (parts[0] == "udp") {
    forward.protocol = network::PortForward::Protocol::kUdp;
  } else if (parts[0] != "tcp") {
    return fail(format("forward \"{}\": \"{}\" is neither tcp nor udp", text, parts[0]));
  }
  if (parts.size() == 4) {
    forward.host_address = parts[1];
    in_addr ignored{};
    if (::inet_pton(AF_INET, forward.host_address.c_str(), &ignored) != 1) {
      return fail(format("forward \"{}\": \"{}\" is not an IPv4 address", text, parts[1]));
    }
  }
  const auto host_port = parse_port(parts[parts.size() - 2]);
  if (!host_port) return fail(host_port.error().context("host port"));
  const auto guest_port = parse_port(parts.back());
  if (!guest_port) return fail(guest_port.error().context("guest port"));
  forward.host_port = *host_port;
  forward.guest_port = *guest_port;
  return forward;
}

Result<network::UserNetworkOptions> parse_user_network(std::span<const std::string_view> parts) {
  network::UserNetworkOptions options;
  for (const std::string_view part : parts) {
    const auto [key, value] = key_value(part);
    if (key == "forward") {
      ORRERY_TRY(network::PortForward forward, parse_forward(value));
      options.forwards.push_back(std::move(forward));
    } else if (key == "mtu") {
      // 576: what every IPv4 host must take; 9000: jumbo frames.
      ORRERY_TRY(const std::uint64_t mtu, parse_number(value, 576, 9000));
      options.mtu = static_cast<std::uint16_t>(mtu);
    } else {
      return fail(format("\"{}\" is not known here; user takes forward=... and mtu=N", part));
    }
  }
  return options;
}

// Names become names of files in the guest (udev: /dev/virtio-ports/NAME).
Result<std::string> parse_port_name(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (text.empty() || text.size() > kLongest ||
      text.find_first_not_of(kAllowed) != std::string_view::npos) {
    return fail(
        format("name={}: a port's name has 1 to {} letters, digits, dots, dashes or "
               "underscores, such as name=org.example.port",
               text, kLongest));
  }
  return std::string(text);
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
    if (text.empty()) parts.emplace_back();
  }
  return parts;
}

Result<storage::DiskOptions> parse_disk(std::string_view text) {
  const auto parts = split(text, ',');
  storage::DiskOptions disk;
  if (parts.empty() || parts[0].empty())
    return fail("no file; write FILE[,readonly][,serial=TEXT]");
  disk.path = parts[0];
  bool encrypted = false;
  for (const std::string_view part : std::span(parts).subspan(1)) {
    const auto [key, value] = key_value(part);
    if (part == "readonly") {
      disk.read_only = true;
    } else if (part == "direct") {
      disk.direct = true;
    } else if (part == "verify") {
      disk.verify_reads = true;
    } else if (key == "format") {
      ORRERY_TRY(disk.format, storage::parse_format(value));
    } else if (key == "snapshot" && !value.empty()) {
      disk.snapshot = value;
    } else if (key == "overlay" && !value.empty()) {
      disk.overlay = value;
    } else if (key == "cache" && !value.empty()) {
      disk.cache.folder = value;
    } else if (key == "cache-size") {
      ORRERY_TRY(disk.cache.size, parse_bytes(value));
    } else if (key == "certificate" && !value.empty()) {
      disk.cache.certificate = value;
    } else if (part == "lease") {
      disk.lease = true;
    } else if (key == "lease") {
      disk.lease = true;
      ORRERY_TRY(disk.lease_duration, parse_lease_duration(value));
    } else if (key == "serial") {
      ORRERY_TRY(disk.serial, parse_serial(value));
    } else if (part == "encryption=luks") {
      encrypted = true;
    } else if (auto source = parse_key({key, value})) {
      disk.encryption = std::move(source);
    } else {
      return fail(format(
          "\"{}\" is not known here; a disk takes format=raw|qcow2|vhdx|vhd|vmdk, "
          "readonly, direct, verify, lease[=SECONDS], snapshot=NAME, overlay=FILE, serial=TEXT, "
          "encryption=luks with "
          "key-file=PATH or key=prompt, and of a server's store cache=FOLDER, "
          "cache-size=SIZE and certificate=FILE",
          part));
    }
  }
  ORRERY_CHECK(check_encryption(disk, encrypted));
  return disk;
}

Result<NetworkOptions> parse_network(std::string_view text) {
  const auto parts = split(text, ',');
  const auto [key, value] = key_value(parts.empty() ? std::string_view() : parts[0]);
  if (key == "user" && value.empty()) {
    ORRERY_TRY(auto options, parse_user_network(std::span(parts).subspan(1)));
    return options;
  }
  constexpr std::size_t kLongestInterfaceName = 15;  // IFNAMSIZ less the final zero
  if (key == "tap" && parts.size() == 1 && !value.empty() &&
      value.size() <= kLongestInterfaceName) {
    return TapOptions{std::string(value)};
  }
  return fail(
      format("\"{}\" is not a network; write user[,forward=tcp:HOST:GUEST] or tap=NAME", text));
}

Result<ConsoleOptions> parse_console(std::string_view text) {
  const auto [key, value] = key_value(text);
  for (const ConsoleKind& known : kConsoleKinds) {
    if (known.name != key) continue;
    if (known.target.empty() == value.empty()) {
      return ConsoleOptions{known.kind, std::string(value)};
    }
    return fail(value.empty() ? format("{} needs a target: {}={}", key, key, known.target)
                              : format("{} takes nothing behind it", key));
  }
  return fail(
      format("\"{}\" is not a console; write stdio, pty, socket=PATH, file=PATH or none", text));
}

Result<ConsoleOptions> parse_input(std::string_view text) {
  auto input = parse_console(text);
  using Kind = ConsoleOptions::Kind;
  if (!input || input->kind == Kind::kStdio || input->kind == Kind::kFile) {
    return fail(format(
        "\"{}\" is not a source of input; write socket=PATH, socket=tcp:HOST:PORT, pty or none",
        text));
  }
  return input;
}

Result<VirtioConsoleOptions> parse_virtio_console(std::string_view text) {
  constexpr std::string_view kName = ",name=";
  const std::size_t comma = text.rfind(kName);
  VirtioConsoleOptions port;
  ORRERY_TRY(port.console, parse_console(text.substr(0, comma)));
  if (port.console.kind == ConsoleOptions::Kind::kNone) {
    return fail(
        "a port that goes nowhere is of no use; write stdio, pty, socket=PATH or file=PATH");
  }
  if (comma == std::string_view::npos) return port;
  ORRERY_TRY(port.name, parse_port_name(text.substr(comma + kName.size())));
  return port;
}

// HOST[:PORT]; an IPv6 address in brackets.
Result<RemotePlace> parse_remote_place(std::string_view text) {
  const auto wrong = [&] {
    return fail(format("\"{}\" is no server; write HOST or HOST:PORT, such as 10.0.0.5", text));
  };
  RemotePlace place{.host = {}, .port = "8471"};
  std::string_view host = text;
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return wrong();
  const std::size_t colon = host.find(':', bracket);
  if (colon != std::string_view::npos) {
    ORRERY_TRY(const std::uint16_t port, parse_port(host.substr(colon + 1)));
    place.port = format("{}", port);
    host = host.substr(0, colon);
  }
  if (bracket != 0) {
    if (!host.ends_with(']')) return wrong();
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return wrong();
  place.host = host;
  return place;
}

// NAME@PLACE[,PLACE]...
Result<RemoteDeviceOptions> parse_remote_device(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) {
    return fail(
        format("\"{}\" is no device model of a server; write NAME@HOST or NAME@HOST:PORT, such as "
               "disk0@10.0.0.5, and behind commas where it goes on when that host is gone",
               text));
  }
  RemoteDeviceOptions device{.name = std::string(text.substr(0, at)), .places = {}};
  for (std::size_t begin = at + 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    ORRERY_TRY(RemotePlace place, parse_remote_place(text.substr(begin, end - begin)));
    device.places.push_back(std::move(place));
    begin = end + 1;
  }
  return device;
}

Result<Engine> parse_engine(std::string_view text) {
  for (const auto& [name, engine] : kEngines) {
    if (name == text) return engine;
  }
  return fail(format("\"{}\" is not an engine; choose auto, kvm, translate or interpret", text));
}

// [HOST:]PORT[,wait]
Result<GdbOptions> parse_gdb(std::string_view text) {
  const auto parts = split(text, ',');
  const auto wrong = [&] {
    return fail(format("\"{}\" is no place for GDB; write [HOST:]PORT[,wait]", text));
  };
  if (parts.empty() || parts.size() > 2 || (parts.size() == 2 && parts[1] != "wait")) {
    return wrong();
  }
  const std::size_t colon = parts[0].rfind(':');
  const bool has_host = colon != std::string_view::npos;
  const std::string_view port = has_host ? parts[0].substr(colon + 1) : parts[0];
  constexpr std::uint64_t kHighestPort = 65535;
  if ((has_host && colon == 0) || !parse_number(port, 1, kHighestPort)) return wrong();
  return GdbOptions{format("{}:{}", has_host ? parts[0].substr(0, colon) : "127.0.0.1", port),
                    parts.size() == 2};
}

std::string to_string(const GdbOptions& gdb) {
  return gdb.address + (gdb.wait ? ",wait" : "");
}

Result<SnapshotOptions> parse_snapshot(std::string_view text) {
  const auto parts = split(text, ',');
  SnapshotOptions snapshot;
  if (!parts.empty()) snapshot.name = parts[0];
  for (const std::string_view part : std::span(parts).subspan(parts.empty() ? 0 : 1)) {
    const auto [key, value] = key_value(part);
    if (key == "disks" && !value.empty()) {
      snapshot.disks = value;
    } else if (key == "library" && !value.empty()) {
      snapshot.library = value;
    } else {
      return fail(format("\"{}\" is not known; write NAME[,disks=FOLDER][,library=FOLDER]", part));
    }
  }
  if (snapshot.name.empty())
    return fail("no snapshot; write NAME, as `orrery snapshot list` has it");
  return snapshot;
}

std::string to_string(const SnapshotOptions& snapshot) {
  std::string text = snapshot.name;
  if (!snapshot.disks.empty()) text += ",disks=" + snapshot.disks;
  if (!snapshot.library.empty()) text += ",library=" + snapshot.library;
  return text;
}

Result<Irqchip> parse_irqchip(std::string_view text) {
  if (text == "kernel") return Irqchip::kKernel;
  if (text == "machine") return Irqchip::kMachine;
  return fail(format("\"{}\" are no interrupt controllers; choose kernel or machine", text));
}

Result<Translation> parse_translation(std::string_view text) {
  for (const Translation translation :
       {Translation::kAuto, Translation::kBeside, Translation::kInline}) {
    if (text == to_string(translation)) return translation;
  }
  return fail(format("\"{}\" is no place to translate; choose auto, beside or inline", text));
}

std::string to_string(Translation translation) {
  switch (translation) {
    case Translation::kAuto: return "auto";
    case Translation::kBeside: return "beside";
    case Translation::kInline: return "inline";
  }
  return "";
}

Result<PagingOptions> parse_paging(std::string_view text) {
  if (text == "all") return PagingOptions{};
  PagingOptions paging = kPlainPaging;
  if (text == "none") return paging;
  for (const std::string_view name : split(text, ',')) {
    const auto* feature = std::ranges::find(kPagingFeatures, name, &PagingFeature::name);
    if (feature == std::ranges::end(kPagingFeatures)) {
      return fail(
          format("\"{}\" is no feature of paging; write all, none or some of "
                 "tags,batches,lazy,directed",
                 name));
    }
    paging.*feature->member = true;
  }
  return paging;
}

std::string to_string(const PagingOptions& paging) {
  std::string names;
  unsigned count = 0;
  for (const PagingFeature& feature : kPagingFeatures) {
    if (!(paging.*feature.member)) continue;
    names += (count++ == 0 ? "" : ",") + std::string(feature.name);
  }
  return count == 0 ? "none" : count == std::size(kPagingFeatures) ? "all" : names;
}

Result<std::uint64_t> parse_identity(std::string_view text) {
  return parse_number(text, 1, UINT64_MAX);
}

Result<double> parse_clock_rate(std::string_view text) {
  constexpr double kLeast = 0.001;
  constexpr double kMost = 10;
  double rate = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, rate);
  if (error == std::errc{} && behind == end && rate >= kLeast && rate <= kMost) return rate;
  return fail(format("\"{}\" is no rate of a clock; it has {} to {}", text, kLeast, kMost));
}

Result<bool> parse_switch(std::string_view text) {
  if (text == "on" || text == "off") return text == "on";
  return fail(format("\"{}\" is neither on nor off", text));
}

std::string to_string(Irqchip irqchip) {
  return irqchip == Irqchip::kKernel ? "kernel" : "machine";
}

std::string to_string(const storage::DiskOptions& disk) {
  const std::string format =
      disk.format ? ",format=" + std::string(storage::name_of(*disk.format)) : "";
  return disk.path + format + (disk.read_only ? ",readonly" : "") + (disk.direct ? ",direct" : "") +
         (disk.verify_reads ? ",verify" : "") +
         (disk.snapshot.empty() ? "" : ",snapshot=" + disk.snapshot) +
         (disk.overlay.empty() ? "" : ",overlay=" + disk.overlay) +
         (disk.cache.folder.empty() ? "" : ",cache=" + disk.cache.folder) +
         (disk.cache.size ? orrery::format(",cache-size={}", disk.cache.size->value()) : "") +
         (disk.cache.certificate.empty() ? "" : ",certificate=" + disk.cache.certificate) +
         (disk.lease ? show_lease(disk.lease_duration) : "") +
         (disk.serial.empty() ? "" : ",serial=" + disk.serial) +
         (disk.encryption ? show_key(*disk.encryption) : "");
}

std::string to_string(const NetworkOptions& network) {
  if (const auto* tap = std::get_if<TapOptions>(&network)) return "tap=" + tap->name;
  const auto& user = std::get<network::UserNetworkOptions>(network);
  std::string text = "user";
  if (user.mtu != network::UserNetworkOptions{}.mtu) text += format(",mtu={}", user.mtu);
  for (const network::PortForward& forward : user.forwards) {
    const bool tcp = forward.protocol == network::PortForward::Protocol::kTcp;
    text += format(",forward={}:{}:{}:{}", tcp ? "tcp" : "udp", forward.host_address,
                   forward.host_port, forward.guest_port);
  }
  return text;
}

std::string to_string(const ConsoleOptions& console) {
  for (const ConsoleKind& known : kConsoleKinds) {
    if (known.kind != console.kind) continue;
    return std::string(known.name) + (known.target.empty() ? "" : "=" + console.target);
  }
  return "";
}

std::string to_string(const VirtioConsoleOptions& port) {
  return to_string(port.console) + (port.name.empty() ? "" : ",name=" + port.name);
}

std::string to_string(const RemoteDeviceOptions& device) {
  std::string text = device.name + '@';
  for (const RemotePlace& place : device.places) {
    const bool brackets = place.host.find(':') != std::string::npos;
    text += format("{}{}{}{}:{}", &place == device.places.data() ? "" : ",", brackets ? "[" : "",
                   place.host, brackets ? "]" : "", place.port);
  }
  return text;
}

std::string to_string(Engine engine) {
  for (const auto& [name, known] : kEngines) {
    if (known == engine) return std::string(name);
  }
  return "";
}

}  // namespace orrery::vmm
