#include <nlohmann/json.hpp>

#include "base/format.hpp"
#include "machine/interrupts/interrupt_complex.hpp"

namespace orrery::machine {

device::State InterruptComplex::save() const {
  const std::lock_guard lock(mutex_);
  device::State locals = device::State::array();
  for (const auto& core : cores_) locals.push_back(core->apic->save());
  return {{"pic8259", pic_.save()}, {"ioapic", ioapic_.save()}, {"lapics", locals}};
}

Result<> InterruptComplex::restore(const device::State& state) {
  const std::lock_guard lock(mutex_);
  const auto part = [&](const char* name) {
    return state.is_object() && state.contains(name) ? state[name] : device::State();
  };
  const device::State locals = part("lapics");
  if (!locals.is_array() || locals.size() != cores_.size()) {
    return fail(
        format("saved state of the interrupt controllers: it is not for {} vCPUs; "
               "use the number that was saved",
               cores_.size()));
  }
  ORRERY_CHECK(pic_.restore(part("pic8259")));
  ORRERY_CHECK(ioapic_.restore(part("ioapic")));
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    ORRERY_CHECK(cores_[i]->apic->restore(locals[i]));
    refresh(*cores_[i]);
  }
  return {};
}

}  // namespace orrery::machine
