#include "device/pci/root.hpp"

#include <algorithm>
#include <mutex>

#include "base/bits.hpp"
#include "device/saved_state.hpp"

namespace orrery::device::pci {
namespace {

constexpr std::uint64_t kDataOffset = 4;  // CONFIG_DATA within region 0
constexpr std::uint64_t kResetOffset = kResetControlPort - kConfigAddressPort;

}  // namespace

Result<> Root::attach(Address address, Function& function) {
  if (address.slot >= kSlotCount || address.function >= kFunctionCount) {
    return fail(format("PCI 00:{:02x}.{}: no such place; slots are 0 to 31, functions 0 to 7",
                       address.slot, address.function));
  }
  auto& slot = slots_[address.slot];
  if (slot[address.function] != nullptr) {
    return fail(format("PCI 00:{:02x}.{}: {} is there already; give {} another slot", address.slot,
                       address.function, slot[address.function]->name(), function.name()));
  }
  if (address.function != 0) {
    if (slot[0] == nullptr) {
      return fail(
          format("PCI 00:{:02x}.{}: attach function 0 first", address.slot, address.function));
    }
    slot[0]->mark_multi_function();
  }
  slot[address.function] = &function;
  function.set_mapping_listener([this, &function] { refresh(function); });
  const std::lock_guard lock(function.host().device_lock());
  refresh(function);
  return {};
}

Function* Root::function(Address address) const {
  if (address.slot >= kSlotCount || address.function >= kFunctionCount) return nullptr;
  return slots_[address.slot][address.function];
}

std::vector<std::pair<Address, Function*>> Root::functions() const {
  std::vector<std::pair<Address, Function*>> result;
  for (std::uint8_t slot = 0; slot < kSlotCount; ++slot) {
    for (std::uint8_t number = 0; number < kFunctionCount; ++number) {
      if (Function* function = slots_[slot][number]) {
        result.emplace_back(Address{slot, number}, function);
      }
    }
  }
  return result;
}

void Root::refresh(Function& function) {
  {
    auto windows = windows_.lock();
    std::erase_if(*windows, [&](const MappedWindow& w) { return w.function == &function; });
    for (const Window& window : function.windows()) windows->push_back({&function, window});
  }
  if (changed_) changed_();
}

std::vector<MappedWindow> Root::windows() const {
  return *windows_.lock();
}

std::optional<Located> Root::locate(Space space, std::uint64_t address) const {
  auto windows = windows_.lock();
  for (const MappedWindow& mapped : *windows) {
    const Window& window = mapped.window;
    if (window.space == space && address >= window.base && address <= window.last()) {
      return Located{mapped.function, window.region, address - window.base};
    }
  }
  return std::nullopt;
}

std::optional<Located> Root::find_port(std::uint16_t port) const {
  return locate(Space::kIo, port);
}

std::optional<Located> Root::find_memory(GuestPhysical address) const {
  return locate(Space::kMemory, address.value());
}

Function* Root::selected() const {
  if ((config_address_ & kConfigEnable) == 0 || bits(config_address_, 23, 16) != 0) return nullptr;
  return slots_[bits(config_address_, 15, 11)][bits(config_address_, 10, 8)];
}

// CONFIG_ADDRESS answers to 32-bit accesses only; others at 0CF8h to 0CFBh pass to the bus
// (3.2.2.3.2), where the Reset Control Register is the only one to answer.
std::uint64_t Root::read(unsigned region, std::uint64_t offset, Width width) {
  if (region != 0) return mask_of(width);
  if (offset == 0 && width == Width::k32) return config_address_;
  if (offset == kResetOffset && width == Width::k8) return reset_control_;
  if (offset < kDataOffset || offset >= kConfigPortCount) return mask_of(width);
  Function* function = selected();
  if (function == nullptr) return mask_of(width);
  const std::lock_guard lock(function->host().device_lock());
  return function->read(Function::kConfigRegion, (config_address_ & 0xFC) + (offset - kDataOffset),
                        width);
}

void Root::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (region != 0) return;
  if (offset == 0 && width == Width::k32) {
    config_address_ = static_cast<std::uint32_t>(value) & 0x80FF'FFFC;
  } else if (offset == kResetOffset && width == Width::k8) {
    write_reset_control(static_cast<std::uint8_t>(value));
  } else if (offset >= kDataOffset && offset < kConfigPortCount) {
    Function* function = selected();
    if (function == nullptr) return;
    const std::lock_guard lock(function->host().device_lock());
    function->write(Function::kConfigRegion, (config_address_ & 0xFC) + (offset - kDataOffset),
                    width, value);
  }
}

void Root::write_reset_control(std::uint8_t value) {
  const bool rises = (value & kResetCpu) != 0 && (reset_control_ & kResetCpu) == 0;
  reset_control_ = value & (kSystemReset | kResetCpu);
  if (rises) host_.request_power(PowerRequest::kReset);
}

void Root::reset() {
  config_address_ = 0;
  reset_control_ = 0;
}

State Root::save() const {
  return {{"version", 1}, {"config_address", config_address_}, {"reset_control", reset_control_}};
}

Result<> Root::restore(const State& state) {
  return read_state(state, name(), 1, [&] {
    const auto address = state.at("config_address").get<std::uint32_t>();
    const auto control = state.at("reset_control").get<std::uint8_t>();
    config_address_ = address & 0x80FF'FFFC;
    reset_control_ = control & (kSystemReset | kResetCpu);
  });
}

}  // namespace orrery::device::pci
