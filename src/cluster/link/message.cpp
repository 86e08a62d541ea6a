#include "cluster/link/message.hpp"

#include <array>
#include <optional>
#include <utility>

#include "base/format.hpp"

namespace orrery::cluster::link {
namespace {

Json fields_of(const Hello& hello) {
  return {{"version", hello.version}, {"facts", to_json(hello.facts)}};
}
Json fields_of(const Welcome& welcome) {
  return {{"lease", welcome.lease.count()}};
}
Json fields_of(const Alive& /*alive*/) {
  return Json::object();
}
Json fields_of(const Report& report) {
  Json vms = Json::array();
  for (const VmReport& each : report.vms) {
    vms.push_back({{"vm", each.vm},
                   {"epoch", each.epoch},
                   {"state", name_of(each.state)},
                   {"ended", each.ended},
                   {"failed", each.failed},
                   {"kept", each.kept},
                   {"refused", each.refused},
                   {"moves", each.moves},
                   {"not_moved", each.not_moved},
                   {"detail", each.detail}});
    if (each.guest) vms.back()["guest"] = to_json(*each.guest);
  }
  return {{"vms", std::move(vms)}};
}
Json fields_of(const Assign& assign) {
  Json vms = Json::array();
  for (const Assignment& each : assign.vms) {
    vms.push_back({{"vm", each.vm},
                   {"epoch", each.epoch},
                   {"desired", to_json(each.desired)},
                   {"options", each.options},
                   {"resume", each.resume}});
    if (each.move.number == 0) continue;
    vms.back()["move"] = {
        {"number", each.move.number}, {"device", each.move.device}, {"server", each.move.server}};
  }
  return {{"vms", std::move(vms)}, {"given_up", assign.given_up}};
}
Json fields_of(const Revoke& revoke) {
  return {{"vm", revoke.vm}, {"epoch", revoke.epoch}};
}
Json fields_of(const OpenConsole& open) {
  return {{"vm", open.vm},
          {"console", open.console},
          {"use", open.use == ConsoleUse::kLog ? "log" : "console"}};
}

Json fields_of(const Measure& /*measure*/) {
  return Json::object();
}
Json fields_of(const Figures& figures) {
  return {{"vm", figures.vm}, {"figures", to_json(figures.figures)}};
}

Message hello_of(const Json& json) {
  const Json* const facts = find_field(json, "facts");
  return Hello{.version = field(json, "version", 0U),
               .facts = facts_of(facts == nullptr ? Json::object() : *facts)};
}
Message welcome_of(const Json& json) {
  return Welcome{.lease = std::chrono::seconds(field(json, "lease", std::uint16_t{0}))};
}
Message alive_of(const Json& /*json*/) {
  return Alive{};
}

// Calls TAKE for each object of the list "vms".
template <typename Take>
void for_each_vm(const Json& json, Take take) {
  const Json* const vms = find_field(json, "vms");
  if (vms == nullptr || !vms->is_array()) return;
  for (const Json& each : *vms) take(each);
}

std::optional<GuestFacts> guest_of(const Json& json) {
  const Json* const guest = find_field(json, "guest");
  if (guest == nullptr) return std::nullopt;
  return guest_facts_of(*guest);
}

Message report_of(const Json& json) {
  Report report;
  for_each_vm(json, [&](const Json& each) {
    report.vms.push_back({.vm = text_field(each, "vm"),
                          .epoch = field(each, "epoch", std::uint64_t{0}),
                          .state = vm_state_of(text_field(each, "state"), VmState::kRunning),
                          .ended = field(each, "ended", false),
                          .failed = field(each, "failed", false),
                          .kept = field(each, "kept", false),
                          .refused = text_field(each, "refused"),
                          .detail = text_field(each, "detail"),
                          .guest = guest_of(each),
                          .moves = field(each, "moves", std::uint64_t{0}),
                          .not_moved = text_field(each, "not_moved")});
  });
  return report;
}
Message assign_of(const Json& json) {
  Assign assign;
  assign.given_up = field(json, "given_up", assign.given_up);
  for_each_vm(json, [&](const Json& each) {
    const Json* const desired = find_field(each, "desired");
    const Json* const move = find_field(each, "move");
    assign.vms.push_back({.vm = text_field(each, "vm"),
                          .epoch = field(each, "epoch", std::uint64_t{0}),
                          .desired = desired_of(desired == nullptr ? Json() : *desired),
                          .options = field(each, "options", VmOptions()),
                          .resume = field(each, "resume", false),
                          .move = move == nullptr ? DeviceMove() : move_of(*move)});
  });
  return assign;
}
Message revoke_of(const Json& json) {
  return Revoke{.vm = text_field(json, "vm"), .epoch = field(json, "epoch", std::uint64_t{0})};
}
Message open_console_of(const Json& json) {
  return OpenConsole{
      .vm = text_field(json, "vm"),
      .console = text_field(json, "console"),
      .use = text_field(json, "use") == "log" ? ConsoleUse::kLog : ConsoleUse::kConsole};
}

Message measure_of(const Json& /*json*/) {
  return Measure{};
}
Message figures_message_of(const Json& json) {
  const Json* const figures = find_field(json, "figures");
  return Figures{.vm = text_field(json, "vm"),
                 .figures = figures_of(figures == nullptr ? Json::object() : *figures)};
}

// In the order of Message's alternatives.
struct KnownMessage {
  std::string_view type;
  Message (*parse)(const Json& json);
};
constexpr std::array kMessages{
    KnownMessage{"hello", hello_of},
    KnownMessage{"welcome", welcome_of},
    KnownMessage{"alive", alive_of},
    KnownMessage{"report", report_of},
    KnownMessage{"assign", assign_of},
    KnownMessage{"revoke", revoke_of},
    KnownMessage{"console", open_console_of},
    KnownMessage{"measure", measure_of},
    KnownMessage{"figures", figures_message_of},
};
static_assert(kMessages.size() == std::variant_size_v<Message>);

}  // namespace

Assignment assignment_of(const Vm& vm) {
  VmOptions options = vm.spec.options;
  options["identity"] = {format("{}", vm.id)};
  return {.vm = vm.name,
          .epoch = vm.epoch,
          .desired = vm.desired,
          .options = std::move(options),
          .resume = !vm.suspended_on.empty(),
          .move = vm.move.under_way() ? vm.move : DeviceMove()};
}

std::string to_text(const Message& message) {
  Json json = std::visit([](const auto& each) { return fields_of(each); }, message);
  json["type"] = kMessages.at(message.index()).type;
  return cluster::to_text(json);
}

Result<Message> parse_message(std::string_view text) {
  const Json json = parse_object(text);
  const std::string type = text_field(json, "type");
  for (const KnownMessage& known : kMessages) {
    if (known.type == type) return known.parse(json);
  }
  return fail(format("a message of the unknown type \"{}\"", type.substr(0, 40)));
}

}  // namespace orrery::cluster::link
