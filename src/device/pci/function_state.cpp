// Save and restore of what every function has: configuration space and MSI-X.
#include "device/pci/function.hpp"
#include "device/saved_state.hpp"

namespace orrery::device::pci {

State Function::save_function() const {
  State state{{"config", config_.bytes()}};
  if (msix_) state["msix"] = msix_->save();
  return state;
}

Function::Saved Function::parse_function(const State& state) const {
  Saved saved;
  saved.config = state.at("config").get<decltype(saved.config)>();
  if (msix_) {
    saved.table = Msix::entries_from(state.at("msix"));
    saved.pending = Msix::pending_from(state.at("msix"));
    if (saved.table.size() != msix_->vectors() || saved.pending.size() != msix_->vectors()) {
      throw std::runtime_error("the number of MSI-X vectors differs");
    }
  }
  return saved;
}

void Function::commit_function(Saved saved) {
  config_.restore(saved.config);
  const bool asserted = (load_le<std::uint16_t>(&saved.config[kStatus]) & kInterruptStatus) != 0;
  if (msix_) {
    msix_->restore(std::move(saved.table), std::move(saved.pending),
                   config_.get<std::uint16_t>(msix_place_.capability + kMsixControl));
  }
  set_intx(asserted);
  mapping_changed();
}

}  // namespace orrery::device::pci
