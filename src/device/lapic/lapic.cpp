// Reset, and the registers as memory and MSRs show them (SDM vol. 3A, 11.4 and 11.12).
#include "device/lapic/lapic.hpp"

#include "base/bits.hpp"

namespace orrery::device::lapic {
namespace {

constexpr unsigned number(Register which) {
  return static_cast<unsigned>(which);
}
constexpr bool in_group(unsigned which, Register first) {
  return which >= number(first) && which < number(first) + 8;
}
constexpr bool is_local_vector(unsigned which) {
  return which >= number(Register::kLvtTimer) && which <= number(Register::kLvtError);
}

}  // namespace

LocalApic::LocalApic(VcpuId id, Host& host, Connection& connection)
    : id_(id), host_(host), connection_(connection), timer_(host.create_timer([this] { ring(); })) {
  reset();
}

void LocalApic::reset() {
  const bool lint0 = r_.lint0;
  r_ = {};
  r_.lint0 = lint0;
  if (id_ == VcpuId(0)) r_.base |= apic_base::kBootstrapProcessor;
  r_.xapic_id = static_cast<std::uint8_t>(id_.value());
  r_.local_vectors.fill(lvt::kMasked);
  timer_->cancel();
}

void LocalApic::initialize() {
  const std::uint64_t base = r_.base;
  const std::uint8_t xapic_id = r_.xapic_id;
  reset();
  r_.base = base;
  r_.xapic_id = xapic_id;
}

void LocalApic::enter_virtual_wire_mode() {
  r_.spurious_vector = svr::kEnable | svr::kReset;
  local_vector(Register::kLvtLint0) = static_cast<std::uint32_t>(DeliveryMode::kExtInt) << 8;
  local_vector(Register::kLvtLint1) = static_cast<std::uint32_t>(DeliveryMode::kNmi) << 8;
}

std::optional<GuestPhysical> LocalApic::base_address() const {
  if (!enabled() || x2()) return std::nullopt;
  return GuestPhysical(r_.base & apic_base::kAddressMask);
}

std::uint32_t LocalApic::id_register() const {
  return x2() ? id_.value() : std::uint32_t{r_.xapic_id} << 24;
}

// LDR; in x2APIC mode it follows from the id: cluster in 31..16, one bit of 15..0 (11.12.10.2).
std::uint32_t LocalApic::logical_id() const {
  if (!x2()) return r_.logical_destination;
  return id_.value() >> 4 << 16 | 1u << (id_.value() & 0xf);
}

std::uint64_t LocalApic::read(unsigned /*region*/, std::uint64_t offset, Width width) {
  // Registers are 32 bits wide and 16 bytes apart; other accesses are undefined (11.4.1).
  if (width != Width::k32 || offset % 16 != 0 || offset >= kPageSizeOfRegisters / 4) {
    return mask_of(width);
  }
  return read_register(static_cast<Register>(offset / 16)) & 0xffff'ffff;
}

void LocalApic::write(unsigned /*region*/, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k32 || offset % 16 != 0 || offset >= kPageSizeOfRegisters / 4) return;
  const auto which = static_cast<Register>(offset / 16);
  const auto word = static_cast<std::uint32_t>(value);
  switch (which) {
    case Register::kId: r_.xapic_id = static_cast<std::uint8_t>(word >> 24); break;
    case Register::kLogicalDestination: r_.logical_destination = word & 0xff00'0000; break;
    case Register::kDestinationFormat: r_.destination_format = word | 0x0fff'ffff; break;
    case Register::kInterruptCommandHigh:
      r_.interrupt_command =
          (r_.interrupt_command & 0xffff'ffff) | std::uint64_t{word & 0xff00'0000} << 32;
      break;
    case Register::kInterruptCommand:
      r_.interrupt_command = (r_.interrupt_command & 0xffff'ffff'0000'0000) | word;
      send_ipi();
      break;
    case Register::kSelfIpi: raise_error(esr::kIllegalRegister); break;
    default:
      if (!write_register(which, word)) raise_error(esr::kIllegalRegister);
  }
}

// Registers that both modes have.
std::uint64_t LocalApic::read_register(Register which) {
  const unsigned n = number(which);
  if (in_group(n, Register::kInService)) return r_.in_service.word(n % 8);
  if (in_group(n, Register::kTriggerMode)) return r_.trigger_mode.word(n % 8);
  if (in_group(n, Register::kInterruptRequest)) return r_.interrupt_request.word(n % 8);
  if (is_local_vector(n)) return local_vector(which);
  switch (which) {
    case Register::kId: return id_register();
    case Register::kVersion: return kVersionValue;
    case Register::kTaskPriority: return r_.task_priority;
    case Register::kArbitrationPriority:
    case Register::kProcessorPriority: return processor_priority();
    case Register::kEoi:
    case Register::kRemoteRead: return 0;
    case Register::kLogicalDestination: return logical_id();
    case Register::kDestinationFormat: return r_.destination_format;
    case Register::kSpuriousVector: return r_.spurious_vector;
    case Register::kErrorStatus: return r_.error_status;
    case Register::kInterruptCommand: return r_.interrupt_command;
    case Register::kInterruptCommandHigh: return r_.interrupt_command >> 32;
    case Register::kInitialCount: return r_.initial_count;
    case Register::kCurrentCount: return current_count();
    case Register::kDivideConfiguration: return r_.divide_configuration;
    default: raise_error(esr::kIllegalRegister); return 0;
  }
}

// The writable ones of them; false: there is no such register.
bool LocalApic::write_register(Register which, std::uint64_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  if (is_local_vector(number(which))) {
    write_local_vector(which, word);
    return true;
  }
  switch (which) {
    case Register::kTaskPriority: r_.task_priority = static_cast<std::uint8_t>(word); return true;
    case Register::kEoi: end_of_interrupt(); return true;
    case Register::kSpuriousVector: write_spurious_vector(word); return true;
    case Register::kErrorStatus: latch_errors(); return true;
    case Register::kInitialCount: write_initial_count(word); return true;
    case Register::kDivideConfiguration:
      write_divide_configuration(static_cast<std::uint8_t>(word & 0xb));
      return true;
    default: return false;
  }
}

void LocalApic::write_spurious_vector(std::uint32_t value) {
  r_.spurious_vector = value & svr::kWritable;
  if (software_enabled()) return;
  // Software disabled: the mask bits of all LVT entries are forced (11.4.7.2).
  for (std::uint32_t& entry : r_.local_vectors) entry |= lvt::kMasked;
}

void LocalApic::write_local_vector(Register which, std::uint32_t value) {
  const unsigned index = number(which) - number(Register::kLvtTimer);
  std::uint32_t& entry = r_.local_vectors[index];
  const TimerMode before = timer_mode();
  entry = (entry & lvt::kRemoteIrr) | (value & lvt::kWritable[index]);
  if (!software_enabled()) entry |= lvt::kMasked;
  if ((entry & lvt::kLevel) == 0) entry &= ~lvt::kRemoteIrr;
  if (which == Register::kLvtTimer && timer_mode() != before) timer_mode_changed();
  if (which == Register::kLvtLint0 && r_.lint0 && (entry & lvt::kLevel) != 0) {
    fire_local_vector(which);
  }
}

// A write to ESR, of whatever, shows the errors since the last one (11.5.3).
void LocalApic::latch_errors() {
  r_.error_status = r_.error_pending;
  r_.error_pending = 0;
}

// ---- MSRs ----

std::optional<std::uint64_t> LocalApic::read_msr(std::uint32_t index) {
  if (index == kMsrApicBase) return r_.base;
  if (index == kMsrTscDeadline) {
    return timer_mode() == TimerMode::kTscDeadline ? r_.tsc_deadline : 0;
  }
  if (index < kMsrX2Base || index > kMsrX2Last || !x2()) return std::nullopt;
  return read_x2(index - kMsrX2Base);
}

bool LocalApic::write_msr(std::uint32_t index, std::uint64_t value) {
  if (index == kMsrApicBase) return write_base(value);
  if (index == kMsrTscDeadline) {
    write_tsc_deadline(value);
    return true;
  }
  if (index < kMsrX2Base || index > kMsrX2Last || !x2()) return false;
  return write_x2(index - kMsrX2Base, value);
}

// Mode transitions (11.12.5, figure 11-32): x2APIC mode is entered from xAPIC mode only and left to
// disabled only.
bool LocalApic::write_base(std::uint64_t value) {
  using namespace apic_base;
  if ((value & ~(kBootstrapProcessor | kX2Enable | kEnable | kAddressMask)) != 0) return false;
  const bool to_enabled = (value & kEnable) != 0;
  const bool to_x2 = (value & kX2Enable) != 0;
  if (to_x2 && !to_enabled) return false;
  if (to_x2 && !x2() && !enabled()) return false;
  if (!to_x2 && to_enabled && x2()) return false;
  const bool disables = enabled() && !to_enabled;
  if (disables) initialize();
  if (to_x2 && !x2()) r_.interrupt_command &= 0xffff'ffff;
  r_.base = value;
  return true;
}

std::optional<std::uint64_t> LocalApic::read_x2(std::uint32_t n) {
  switch (static_cast<Register>(n)) {  // 11.12.1.2, table 11-6
    case Register::kArbitrationPriority:
    case Register::kEoi:
    case Register::kRemoteRead:
    case Register::kDestinationFormat:
    case Register::kInterruptCommandHigh:
    case Register::kSelfIpi: return std::nullopt;
    default: break;
  }
  const bool known = in_group(n, Register::kInService) || in_group(n, Register::kTriggerMode) ||
                     in_group(n, Register::kInterruptRequest) || is_local_vector(n);
  const bool single =
      n == number(Register::kId) || n == number(Register::kVersion) ||
      n == number(Register::kTaskPriority) || n == number(Register::kProcessorPriority) ||
      n == number(Register::kLogicalDestination) || n == number(Register::kSpuriousVector) ||
      n == number(Register::kErrorStatus) || n == number(Register::kInterruptCommand) ||
      n == number(Register::kInitialCount) || n == number(Register::kCurrentCount) ||
      n == number(Register::kDivideConfiguration);
  if (!known && !single) return std::nullopt;
  return read_register(static_cast<Register>(n));
}

bool LocalApic::write_x2(std::uint32_t n, std::uint64_t value) {
  const auto which = static_cast<Register>(n);
  std::uint64_t writable = 0xffff'ffff;
  if (is_local_vector(n)) {
    writable = lvt::kWritable[n - number(Register::kLvtTimer)] | lvt::kRemoteIrr | 1u << 12;
  }
  switch (which) {
    case Register::kInterruptCommand:
      if ((value & icr::kX2Reserved) != 0) return false;
      r_.interrupt_command = value;
      send_ipi();
      return true;
    case Register::kSelfIpi:
      if (value > 0xff) return false;
      send_self_ipi(static_cast<std::uint8_t>(value));
      return true;
    case Register::kEoi:
    case Register::kErrorStatus: writable = 0; break;
    case Register::kTaskPriority: writable = 0xff; break;
    case Register::kSpuriousVector: writable = svr::kWritable; break;
    case Register::kDivideConfiguration: writable = 0xb; break;
    default: break;
  }
  if ((value & ~writable) != 0) return false;
  return write_register(which, value);
}

}  // namespace orrery::device::lapic
