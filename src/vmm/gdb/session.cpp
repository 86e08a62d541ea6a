#include "vmm/gdb/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.hpp"
#include "vmm/gdb/registers.hpp"

namespace orrery::vmm::gdb {
namespace {

using hypervisor::DebugTrap;

constexpr std::string_view kOk = "OK";
constexpr std::string_view kUnknown;  // an empty packet: not supported
// Error numbers have no meaning to GDB; these are errno's.
constexpr std::string_view kBadAddress = "E0e";
constexpr std::string_view kInvalid = "E16";

constexpr unsigned kInterruptSignal = 2;
constexpr unsigned kTrapSignal = 5;

std::string thread_of(VcpuId id) {
  return format("{:x}", id.value() + 1);
}

ByteSpan bytes_of_text(std::string_view text) {
  return as_bytes(text.data(), text.size());
}

std::string hex_of_text(std::string_view text) {
  return to_hex(bytes_of_text(text));
}

// "ADDRESS,LENGTH" at the front of TEXT.
std::optional<std::pair<std::uint64_t, std::uint64_t>> take_range(std::string_view& text) {
  const auto address = take_number(text);
  if (!address || !take_word(text, ",")) return std::nullopt;
  const auto length = take_number(text);
  if (!length) return std::nullopt;
  return std::pair(*address, *length);
}

}  // namespace

Session::Session(Target& target, std::function<void(std::string_view)> send)
    : target_(target), send_(std::move(send)) {}

void Session::receive(std::string_view bytes) {
  if (!connected_) {
    // What comes before is of a conversation that has ended.
    const std::size_t begin = bytes.find('$');
    if (begin == std::string_view::npos) return;
    bytes.remove_prefix(begin);
    connected_ = true;
    target_.stop();
  }
  for (const char byte : bytes) {
    if (const auto arrival = reader_.take(static_cast<std::uint8_t>(byte))) arrive(*arrival);
  }
}

void Session::arrive(const Arrival& arrival) {
  if (std::holds_alternative<Interrupt>(arrival)) {
    if (!running_) return;
    target_.stop();
    running_ = false;
    stop_ = {selected_, std::nullopt};
    return reply(stop_reply());
  }
  if (const auto* const acknowledged = std::get_if<Acknowledged>(&arrival)) {
    if (acknowledges_ && !acknowledged->received) send_(last_reply_);
    return;
  }
  if (acknowledges_) send_(std::holds_alternative<BadPacket>(arrival) ? "-" : "+");
  const auto* const packet = std::get_if<Packet>(&arrival);
  // While the target runs, GDB sends nothing but interrupts; whatever else it sends would find no
  // state to act on.
  if (packet == nullptr || running_) return;
  if (const Reply answer = execute(packet->data)) reply(*answer);
}

void Session::reply(std::string_view data) {
  last_reply_ = framed(data);
  send_(last_reply_);
}

// ---- Commands ----

Session::Reply Session::execute(std::string_view packet) {
  if (packet.empty()) return std::string(kUnknown);
  const std::string_view rest = packet.substr(1);
  switch (packet.front()) {
    case '?': return stop_reply();
    case 'g': return all_registers();
    case 'G': return set_all_registers(rest);
    case 'p': return one_register(rest);
    case 'P': return set_one_register(rest);
    case 'm': return read_memory(rest);
    case 'M': return write_memory(rest, true);
    case 'X': return write_memory(rest, false);
    case 'Z': return change_stop(rest, true);
    case 'z': return change_stop(rest, false);
    case 'H': return select_thread(rest);
    case 'T': return about_thread(rest);
    case 'c': return resume_simply(rest, Go::kContinue);
    case 's': return resume_simply(rest, Go::kStep);
    case 'q': return execute_query(rest);
    case 'Q': return execute_set(rest);
    case 'v': return execute_long(rest);
    case 'D':
      reply(kOk);
      disconnected();
      return std::nullopt;
    case 'k': target_.end(); return std::nullopt;
    default: return std::string(kUnknown);
  }
}

Session::Reply Session::execute_query(std::string_view query) {
  if (take_word(query, "Supported")) return features(query);
  if (take_word(query, "Xfer:features:read:target.xml:")) return target_part(query);
  if (take_word(query, "Rcmd,")) return monitor(query);
  if (take_word(query, "ThreadExtraInfo,")) {
    const auto id = vcpu_of_thread(query);
    return id ? hex_of_text(format("vCPU {}", id->value())) : std::string(kInvalid);
  }
  if (query == "fThreadInfo") return threads();
  if (query == "sThreadInfo") return "l";
  if (query == "C") return "QC" + thread_of(selected_);
  if (query == "Attached") return "1";  // to a machine that goes on without GDB
  return std::string(kUnknown);
}

Session::Reply Session::execute_set(std::string_view setting) {
  if (setting != "StartNoAckMode") return std::string(kUnknown);
  reply(kOk);  // this one is still acknowledged
  acknowledges_ = false;
  return std::nullopt;
}

Session::Reply Session::execute_long(std::string_view command) {
  if (command == "Cont?") return "vCont;c;C;s;S";
  if (take_word(command, "Cont")) return resume_each(command);
  if (take_word(command, "Kill")) {
    reply(kOk);
    target_.end();
    return std::nullopt;
  }
  return std::string(kUnknown);
}

std::string Session::features(std::string_view offered) {
  tells_breakpoints_ = offered.find("swbreak+") != std::string_view::npos &&
                       offered.find("hwbreak+") != std::string_view::npos;
  return format(
      "PacketSize={:x};qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+",
      kLongestPacket);
}

std::string Session::target_part(std::string_view request) const {
  const auto range = take_range(request);
  if (!range) return std::string(kInvalid);
  const std::string& all = target_description();
  const auto [offset, length] = *range;
  if (offset >= all.size()) return "l";
  // What has to be escaped takes two bytes.
  const std::size_t count = std::min<std::size_t>(length, kLongestPacket / 2);
  const bool last = all.size() - offset <= count;
  return (last ? "l" : "m") + all.substr(offset, count);
}

std::string Session::threads() const {
  std::string list = "m";
  for (unsigned n = 0; n < target_.vcpus(); ++n) {
    list += (n == 0 ? "" : ",") + thread_of(VcpuId(n));
  }
  return list;
}

std::optional<VcpuId> Session::vcpu_of_thread(std::string_view& text) const {
  const auto thread = take_number(text);
  if (!thread || *thread == 0 || *thread > target_.vcpus()) return std::nullopt;
  return VcpuId(static_cast<unsigned>(*thread - 1));
}

std::string Session::about_thread(std::string_view id) {
  return std::string(vcpu_of_thread(id) ? kOk : kInvalid);
}

std::string Session::select_thread(std::string_view arguments) {
  if (!take_word(arguments, "g") && !take_word(arguments, "c")) return std::string(kUnknown);
  if (arguments == "0" || arguments == "-1") return std::string(kOk);  // any, all
  const auto id = vcpu_of_thread(arguments);
  if (!id) return std::string(kInvalid);
  selected_ = *id;
  return std::string(kOk);
}

// What the user types behind "monitor"; the answer is printed as it is.
std::string Session::monitor(std::string_view hexadecimal) {
  const auto command = from_hex(hexadecimal);
  if (!command) return std::string(kInvalid);
  if (*command == "quit") {
    target_.end();
    return std::string(kOk);
  }
  const std::string_view unknown = *command == "help" ? "" : "no such command. ";
  return hex_of_text(
      format("{}monitor quit: end the virtual machine\n"
             "Registers beyond the usual ones: $cr0, $cr2, $cr3, $cr4, $efer, $fs_base, $gs_base, "
             "$kernel_gs_base, $lstar\n",
             unknown));
}

// ---- Registers and memory ----

std::string Session::all_registers() {
  const auto state = target_.state(selected_);
  return state ? hex_of_text(read_registers(*state)) : std::string(kInvalid);
}

std::string Session::set_all_registers(std::string_view hexadecimal) {
  auto state = target_.state(selected_);
  const auto bytes = from_hex(hexadecimal);
  const bool done = state && bytes && write_registers(*state, *bytes) &&
                    target_.set_state(selected_, *state).has_value();
  return std::string(done ? kOk : kInvalid);
}

std::string Session::one_register(std::string_view text) {
  const auto number = take_number(text);
  if (!number || *number >= register_count()) return std::string(kInvalid);
  const auto state = target_.state(selected_);
  return state ? hex_of_text(read_register(*state, *number)) : std::string(kInvalid);
}

std::string Session::set_one_register(std::string_view assignment) {
  const auto number = take_number(assignment);
  if (!number || *number >= register_count() || !take_word(assignment, "=")) {
    return std::string(kInvalid);
  }
  const auto bytes = from_hex(assignment);
  auto state = target_.state(selected_);
  const bool done = state && bytes && write_register(*state, *number, *bytes) &&
                    target_.set_state(selected_, *state).has_value();
  return std::string(done ? kOk : kInvalid);
}

std::string Session::read_memory(std::string_view arguments) {
  const auto range = take_range(arguments);
  if (!range) return std::string(kInvalid);
  std::vector<std::byte> bytes(std::min<std::uint64_t>(range->second, kLongestPacket / 2));
  const std::size_t count = target_.read_memory(selected_, GuestLinear(range->first), bytes);
  if (count == 0 && !bytes.empty()) return std::string(kBadAddress);
  return to_hex(ByteSpan(bytes).first(count));
}

std::string Session::write_memory(std::string_view arguments, bool hexadecimal) {
  const auto range = take_range(arguments);
  if (!range || !take_word(arguments, ":")) return std::string(kInvalid);
  const auto bytes = hexadecimal ? from_hex(arguments) : std::optional(std::string(arguments));
  if (!bytes || bytes->size() != range->second) return std::string(kInvalid);
  const bool done =
      target_.write_memory(selected_, GuestLinear(range->first), bytes_of_text(*bytes));
  return std::string(done ? kOk : kBadAddress);
}

// ---- Stops ----

// "KIND,ADDRESS,LENGTH"; conditions and commands are left to GDB.
std::string Session::change_stop(std::string_view arguments, bool insert) {
  const auto kind = take_number(arguments);
  if (!kind || !take_word(arguments, ",")) return std::string(kInvalid);
  if (*kind > static_cast<std::uint64_t>(StopKind::kAccess)) return std::string(kUnknown);
  const auto range = take_range(arguments);
  constexpr std::uint64_t kMostBytes = 4096;
  if (!range || range->second > kMostBytes) return std::string(kInvalid);
  const StopPoint point{static_cast<StopKind>(*kind), range->first,
                        static_cast<std::uint32_t>(range->second)};
  const auto place = std::ranges::find(stops_, point);
  const bool there = place != stops_.end();
  constexpr std::size_t kMostStops = 1024;
  if (insert && !there && stops_.size() == kMostStops) return std::string(kInvalid);
  if (insert && !there) stops_.push_back(point);
  if (!insert && there) stops_.erase(place);
  return std::string(kOk);
}

hypervisor::DebugRequest Session::request() const {
  hypervisor::DebugRequest request;
  for (const StopPoint& point : stops_) {
    const GuestLinear address(point.address);
    switch (point.kind) {
      case StopKind::kSoftware:
      case StopKind::kHardware: request.breakpoints.push_back(address); break;
      case StopKind::kWrite:
        request.watchpoints.push_back({address, point.length, hypervisor::WatchKind::kWrite});
        break;
      case StopKind::kRead:
        request.watchpoints.push_back({address, point.length, hypervisor::WatchKind::kRead});
        break;
      case StopKind::kAccess:
        request.watchpoints.push_back({address, point.length, hypervisor::WatchKind::kAccess});
        break;
    }
  }
  return request;
}

std::string Session::stop_reply() const {
  const unsigned signal = stop_.trap ? kTrapSignal : kInterruptSignal;
  std::string text = format("T{:02x}thread:{};", signal, thread_of(stop_.vcpu));
  if (!stop_.trap) return text;
  const std::uint64_t address = stop_.trap->address.value();
  const auto at_address = [&](bool breakpoint) {
    return std::ranges::find_if(stops_, [&](const StopPoint& point) {
      const bool is_breakpoint = point.kind <= StopKind::kHardware;
      return is_breakpoint == breakpoint && point.address == address;
    });
  };
  if (stop_.trap->cause == DebugTrap::Cause::kBreakpoint && tells_breakpoints_) {
    const auto point = at_address(true);
    const bool hardware = point != stops_.end() && point->kind == StopKind::kHardware;
    text += hardware ? "hwbreak:;" : "swbreak:;";
  }
  if (stop_.trap->cause == DebugTrap::Cause::kWatchpoint) {
    const auto point = at_address(false);
    const StopKind kind = point == stops_.end() ? StopKind::kWrite : point->kind;
    const char* const name = kind == StopKind::kRead     ? "rwatch"
                             : kind == StopKind::kAccess ? "awatch"
                                                         : "watch";
    text += format("{}:{:x};", name, address);
  }
  return text;
}

// ---- Going on ----

// "[ADDRESS]"
Session::Reply Session::resume_simply(std::string_view arguments, Go go) {
  if (const auto address = take_number(arguments)) {
    auto state = target_.state(selected_);
    if (!state) return std::string(kInvalid);
    state->rip = *address;
    if (!target_.set_state(selected_, *state)) return std::string(kInvalid);
  }
  std::vector<Go> vcpus(target_.vcpus(), Go::kContinue);
  vcpus[selected_.value()] = go;
  return resume(vcpus);
}

// ";ACTION[:THREAD]..."; for each thread the first that names it, or all (no thread, or -1).
Session::Reply Session::resume_each(std::string_view actions) {
  std::vector<std::optional<Go>> wanted(target_.vcpus());
  while (take_word(actions, ";")) {
    if (actions.empty()) return std::string(kInvalid);
    const char action = actions.front();
    actions.remove_prefix(1);
    const bool steps = action == 's' || action == 'S';
    if (!steps && action != 'c' && action != 'C') return std::string(kInvalid);
    if (action == 'S' || action == 'C') static_cast<void>(take_number(actions));  // a signal
    const Go go = steps ? Go::kStep : Go::kContinue;
    if (!take_word(actions, ":") || take_word(actions, "-1")) {
      for (auto& one : wanted) one = one.value_or(go);
      continue;
    }
    const auto id = vcpu_of_thread(actions);
    if (!id) return std::string(kInvalid);
    auto& one = wanted[id->value()];
    one = one.value_or(go);
  }
  std::vector<Go> vcpus;
  vcpus.reserve(wanted.size());
  for (const auto& one : wanted) vcpus.push_back(one.value_or(Go::kStay));
  return resume(vcpus);
}

Session::Reply Session::resume(const std::vector<Go>& vcpus) {
  while (!waiting_.empty()) {
    const Stop next = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (vcpus[next.vcpu.value()] == Go::kStay || !still_wanted(next)) continue;
    stop_ = next;
    selected_ = next.vcpu;
    return stop_reply();
  }
  if (const Result<> going = target_.resume(vcpus, request()); !going) {
    reply("O" + hex_of_text("orrery: " + going.error().message() + "\n"));
    return std::string(kInvalid);
  }
  running_ = true;
  return std::nullopt;
}

// A breakpoint may be gone since, or the vCPU elsewhere.
bool Session::still_wanted(const Stop& stop) const {
  if (stop.trap->cause != DebugTrap::Cause::kBreakpoint) {
    return stop.trap->cause == DebugTrap::Cause::kWatchpoint;
  }
  const auto breakpoints = request().breakpoints;
  return std::ranges::find(breakpoints, stop.trap->address) != breakpoints.end();
}

void Session::trapped(VcpuId id, const DebugTrap& trap) {
  if (!connected_) return;
  target_.stop();
  if (!std::exchange(running_, false)) {
    waiting_.push_back({id, trap});
    return;
  }
  stop_ = {id, trap};
  selected_ = id;
  reply(stop_reply());
}

void Session::disconnected() {
  if (!std::exchange(connected_, false)) return;
  stops_.clear();
  waiting_.clear();
  reader_ = {};
  acknowledges_ = true;
  tells_breakpoints_ = false;
  running_ = false;
  selected_ = VcpuId(0);
  stop_ = {};
  target_.stop();  // to take the stops away
  static_cast<void>(target_.resume(std::vector(target_.vcpus(), Go::kContinue), {}));
}

void Session::ended() {
  if (connected_) reply("W00");
}

}  // namespace orrery::vmm::gdb
