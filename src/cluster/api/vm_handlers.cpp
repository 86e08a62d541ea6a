#include <array>
#include <utility>

#include "base/format.hpp"
#include "base/units.hpp"
#include "cluster/api/api.hpp"
#include "cluster/api/handlers.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/vms.hpp"

namespace orrery::cluster::api {
namespace {

using Kind = Refusal::Kind;

Output shown(const Stored<Vm>& vm, unsigned status = 200) {
  return {.status = status, .body = view_of(vm), .revision = vm.revision};
}

Outcome<Output> shown(const Vms::Done& done) {
  if (!done) return std::unexpected(done.error());
  return shown(*done);
}

// Those of `orrery run` that its agent chooses itself, or that give more of a host than a VM.
constexpr std::array<std::string_view, 8> kReserved{
    "console", "control", "config", "gdb", "input", "sandbox", "virtio-console", "verbose"};

Outcome<> check_wish(const Json& wish) {
  constexpr std::array<std::pair<std::string_view, bool (*)(const Json&)>, 5> kWishes{{
      {"platform", [](const Json& json) { return json.is_string(); }},
      {"labels", [](const Json& json) { return json.is_object(); }},
      {"hypervisor", [](const Json& json) { return json == "kvm" || json == "soft"; }},
      {"abilities", [](const Json& json) { return json.is_array(); }},
      {"apart", [](const Json& json) { return json.is_string(); }},
  }};
  for (const auto& [name, value] : wish.items()) {
    const auto* const known =
        std::ranges::find(kWishes, name, [](const auto& e) { return e.first; });
    if (known == kWishes.end() || !known->second(value)) {
      return refuse(Kind::kInvalid,
                    format("placement: {} is no wish of platform (a name), labels (an object), "
                           "hypervisor (kvm or soft), abilities (a list), apart (a text)",
                           name.substr(0, 100)));
    }
  }
  return {};
}

Outcome<VmSpec> spec_in(const Api& api, const Json& body) {
  if (const Json* const wish = find_field(body, "placement")) ORRERY_CHECK(check_wish(*wish));
  const std::string restart = field(body, "restart", std::string("never"));
  if (restart != "never" && restart != "on-failure") {
    return refuse(Kind::kInvalid, "restart is never or on-failure");
  }
  VmSpec spec = spec_of(body);
  if (!read(body.at("options"), spec.options)) {
    return refuse(Kind::kInvalid, "options: each is a text, or a list of texts");
  }
  for (const std::string_view name : kReserved) {
    if (!spec.options.contains(std::string(name))) continue;
    return refuse(Kind::kInvalid, format("options: {} is the agent's to say", name));
  }
  const Result<Resources> needs = api.check(spec.options);
  if (!needs) return refuse(Kind::kInvalid, "options: " + needs.error().message());
  spec.needs = *needs;
  return spec;
}

// If-Match: the ETag of what the caller has seen.
Outcome<std::optional<Revision>> wanted_revision(const Input& input) {
  std::string_view tag = input.request.header("If-Match");
  if (tag.empty() || tag == "*") return std::nullopt;
  if (tag.size() > 2 && tag.front() == '"' && tag.back() == '"') {
    tag = tag.substr(1, tag.size() - 2);
  }
  const auto number = parse_number(tag, 0, UINT64_MAX);
  if (!number) return refuse(Kind::kInvalid, "If-Match is no ETag that was given here");
  return Revision(*number);
}

}  // namespace

Outcome<Output> list_vms(const Api& api, const Input& input) {
  const auto state = input.request.parameter("state");
  const auto platform = input.request.parameter("platform");
  if (state && vm_state_of(*state, VmState::kUnknown) == VmState::kUnknown &&
      *state != name_of(VmState::kUnknown)) {
    return refuse(Kind::kInvalid, "state: no virtual machine is ever in this one");
  }
  return page_of(api, input, keys::kVms, [&](const Record& record) -> std::optional<Json> {
    const Stored<Vm> vm{vm_of(parse_object(record.value)), record.revision};
    if (state && *state != name_of(vm->state)) return std::nullopt;
    if (platform && *platform != vm->owner) return std::nullopt;
    return view_of(vm);
  });
}

Outcome<Output> create_vm(const Api& api, const Input& input) {
  ORRERY_TRY(const VmSpec spec, spec_in(api, input.body));
  ORRERY_TRY(const Stored<Vm> vm,
             Vms(api.registry()).create(input.caller, text_field(input.body, "name"), spec));
  return shown(vm, 201);
}

Outcome<Output> show_vm(const Api& api, const Input& input) {
  return shown(api.registry().vm(input.name("vm")));
}

Outcome<Output> change_vm(const Api& api, const Input& input) {
  ORRERY_TRY(const auto revision, wanted_revision(input));
  ORRERY_TRY(const VmSpec spec, spec_in(api, input.body));
  return shown(Vms(api.registry()).change(input.caller, input.name("vm"), spec, revision));
}

Outcome<Output> remove_vm(const Api& api, const Input& input) {
  ORRERY_TRY(const auto revision, wanted_revision(input));
  return shown(Vms(api.registry()).remove(input.caller, input.name("vm"), revision));
}

Outcome<Output> start_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).start(input.caller, input.name("vm")));
}

Outcome<Output> stop_vm(const Api& api, const Input& input) {
  const bool force = field(input.body, "force", false);
  return shown(Vms(api.registry())
                   .stop(input.caller, input.name("vm"),
                         force ? Vms::Stop::kAtOnce : Vms::Stop::kPowerButton));
}

Outcome<Output> reset_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).reset(input.caller, input.name("vm")));
}

Outcome<Output> pause_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).pause(input.caller, input.name("vm")));
}

Outcome<Output> resume_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).resume(input.caller, input.name("vm")));
}

Outcome<Output> suspend_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).suspend(input.caller, input.name("vm")));
}

Outcome<Output> move_device(const Api& api, const Input& input) {
  return shown(Vms(api.registry())
                   .move_device(input.caller, input.name("vm"), text_field(input.body, "device"),
                                text_field(input.body, "target")));
}

Outcome<Output> release_vm(const Api& api, const Input& input) {
  return shown(Vms(api.registry()).release(input.caller, input.name("vm")));
}

}  // namespace orrery::cluster::api
