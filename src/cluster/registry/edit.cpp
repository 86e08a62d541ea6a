#include "cluster/registry/edit.hpp"

#include <atomic>

#include "base/format.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster {

void Edit::save(const Stored<Vm>& vm) {
  transaction_.expect(keys::vm(vm->name), vm.revision);
  transaction_.put(keys::vm(vm->name), to_text(to_json(vm.value)));
  made_vm_ = vm->name;
}

void Edit::save(const Stored<Platform>& platform) {
  transaction_.expect(keys::platform(platform->name), platform.revision);
  transaction_.put(keys::platform(platform->name), to_text(to_json(platform.value)));
}

// In the order of time; several of one moment, also of several panels, differ in the number.
std::string Edit::next_log_name() {
  static std::atomic<std::uint32_t> count{0};  // relaxed: only that it differs matters
  const std::uint64_t random = registry_.random_number();
  return format("{:016x}-{:08x}{:08x}", registry_.now(),
                count.fetch_add(1, std::memory_order_relaxed), random & 0xffffffff);
}

void Edit::event(std::string_view kind, const std::string& subject, const std::string& what) {
  const Json json{{"time", registry_.now()},
                  {"kind", kind},
                  {"subject", subject},
                  {"what", what},
                  {"by", caller_.name}};
  transaction_.put(keys::kEvents + next_log_name(), to_text(json));
}

void Edit::add_audit() {
  if (caller_.request.empty()) return;
  const Json json{{"time", registry_.now()},
                  {"user", caller_.name},
                  {"role", name_of(caller_.role)},
                  {"request", caller_.request},
                  {"refusal", refusal_}};
  transaction_.put(keys::kAudit + next_log_name(), to_text(json));
}

void Edit::add_repeat() {
  if (caller_.repeat_key.empty() || !refusal_.empty()) return;
  const std::string key = keys::repeat(caller_.name, caller_.repeat_key);
  transaction_.expect(key, Revision());
  const Json json{{"digest", caller_.repeat_digest}, {"vm", made_vm_}, {"time", registry_.now()}};
  transaction_.put(key, to_text(json));
}

Outcome<Revision> Edit::commit() {
  add_audit();
  add_repeat();
  ORRERY_TRY(const auto revision, registry_.database().commit(transaction_));
  if (!revision) return refuse(Refusal::Kind::kRaced, "something else came first");
  if (registry_.listener_) registry_.listener_(platforms_);
  return *revision;
}

}  // namespace orrery::cluster
