#include "isa/differential/unit.hpp"

#include "isa/differences.hpp"
#include "isa/differential/encoder.hpp"
#include "isa/sandbox.hpp"

namespace orrery::isa::differential {
namespace {

constexpr unsigned kRcx = 1, kRdx = 2, kRsp = 4, kRbp = 5;
// Percent of operands that lie where an access faults, and that are not aligned to their size.
constexpr unsigned kOutOfBounds = 1;
constexpr unsigned kUnaligned = 10;

unsigned number_of(ZydisRegister reg) {
  return static_cast<unsigned>(ZydisRegisterGetId(reg));
}

// Puts everything in front of an instruction that keeps it in bounds; false where it can not.
class Preparation {
 public:
  Preparation(Unit& unit, Mode mode, DecodedInstruction& decoded, std::vector<std::uint8_t>& bytes,
              Random& random)
      : unit_(unit), mode_(mode), decoded_(decoded), bytes_(bytes), random_(random) {}

  bool prepare() {
    const ZydisDecodedInstruction& info = decoded_.info;
    if (info.meta.category == ZYDIS_CATEGORY_POP && touches_segments()) return false;
    if (encoded_ambiguously(decoded_, mode_)) return false;
    if (info.mnemonic == ZYDIS_MNEMONIC_MOV && writes_system_register()) return false;
    if (needs_masked_exceptions(info.mnemonic)) mask_exceptions();
    if (needs_masked_simd_exceptions(info.mnemonic)) mask_simd_exceptions();
    return memory_operands() && operands_of_note() && control_flow();
  }

 private:
  bool touches_segments() const { return writes_class(ZYDIS_REGCLASS_SEGMENT); }
  // MOV to a segment register loads the host's descriptors; FS and GS are the harness's own. From
  // one it is fine.
  bool writes_system_register() const { return touches_segments(); }
  bool writes_class(ZydisRegisterClass wanted) const {
    for (const ZydisDecodedOperand& operand : decoded_.all()) {
      if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
          (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
          ZydisRegisterGetClass(operand.reg.value) == wanted) {
        return true;
      }
    }
    return false;
  }

  void set(unsigned gpr, std::int64_t value) {
    append_move(unit_.bytes, mode_, gpr, static_cast<std::int32_t>(value));
    assigned_ |= 1u << gpr;
  }
  bool is_set(unsigned gpr) const { return (assigned_ >> gpr & 1) != 0; }

  // FLDCW with all exceptions masked and any rounding, from a place at the end of the data.
  void mask_exceptions() {
    constexpr auto kPlace = static_cast<std::uint32_t>(kDataBase + kDataSize - 16);
    const auto control = static_cast<std::int32_t>((random_.next() & 0xf00) | 0x7f);
    append_store(unit_.bytes, mode_, kPlace, control);
    append_load_control(unit_.bytes, mode_, kPlace);
  }

  void mask_simd_exceptions() {
    constexpr auto kPlace = static_cast<std::uint32_t>(kDataBase + kDataSize - 16);
    const auto mxcsr = static_cast<std::int32_t>((random_.next() & 0x6000) | 0x1f80);
    append_store(unit_.bytes, mode_, kPlace, mxcsr);
    append_load_mxcsr(unit_.bytes, mode_, kPlace);
  }

  bool may_fault() const {
    const ZydisMnemonic mnemonic = decoded_.info.mnemonic;
    return !faults_differently(decoded_) && !(faults_ && faults_in_any_order(mnemonic));
  }

  // Where SIZE bytes shall lie.
  std::int64_t place(unsigned size, unsigned margin = 0) {
    const bool aligned = needs_aligned_operand(decoded_.info.mnemonic);
    if (random_.percent(kOutOfBounds) && may_fault()) {
      faults_ = true;
      constexpr std::uint64_t kEdges[] = {kDataBase - 8, kReadOnlyBase + 64,
                                          kReadOnlyBase + kPageSize - 4, kReadOnlyBase - 8};
      const std::uint64_t edge = random_.pick(kEdges);
      return static_cast<std::int64_t>(aligned ? edge & ~std::uint64_t{15} : edge);
    }
    const std::uint64_t room = kDataSize - margin * 2 - size;
    std::uint64_t address = kDataBase + margin + random_.below(room + 1);
    const bool locked = (decoded_.info.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0 ||
                        decoded_.info.mnemonic == ZYDIS_MNEMONIC_XCHG;
    // A locked access across cache lines takes the host's bus, which its kernel slows down.
    if (size > 0 && size <= 32 && (locked || aligned || !random_.percent(kUnaligned))) {
      address &= ~std::uint64_t{size - 1};
    }
    if (size > 32) address &= ~std::uint64_t{15};
    return static_cast<std::int64_t>(address);
  }

  bool memory_operands() {
    for (const ZydisDecodedOperand& operand : decoded_.all()) {
      if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
      if (operand.mem.segment == ZYDIS_REGISTER_FS || operand.mem.segment == ZYDIS_REGISTER_GS) {
        return false;
      }
      // Code segments cannot be written.
      if (operand.mem.segment == ZYDIS_REGISTER_CS && is_32bit(mode_) && !may_fault()) {
        return false;
      }
      const bool stated = operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
      if (stated && decoded_.info.raw.modrm.offset != 0) {
        if (!stated_operand(operand)) return false;
      } else if (!implied_operand(operand)) {
        return false;
      }
    }
    return true;
  }

  // base + index * scale + displacement
  bool stated_operand(const ZydisDecodedOperand& operand) {
    const auto& memory = operand.mem;
    const bool absolute = memory.base == ZYDIS_REGISTER_NONE && memory.index == ZYDIS_REGISTER_NONE;
    if (absolute && needs_aligned_operand(decoded_.info.mnemonic)) return false;
    address_ = place(operand.size / 8);
    if (memory.base == ZYDIS_REGISTER_RIP || memory.base == ZYDIS_REGISTER_EIP) {
      rip_relative_ = true;
      return true;
    }
    if (absolute) {
      address_ = memory.disp.value;
      return is_32bit(mode_);
    }
    std::int64_t rest = address_ - memory.disp.value;
    if (memory.index != ZYDIS_REGISTER_NONE) {
      const unsigned index = number_of(memory.index);
      if (memory.base == ZYDIS_REGISTER_NONE || number_of(memory.base) == index) return false;
      const std::int64_t value = random_.between(-64, 63);
      set(index, value);
      rest -= value * memory.scale;
    }
    set(number_of(memory.base), rest);
    return true;
  }

  // Stack, strings, XLAT, MASKMOVDQU, MOV with a direct offset.
  bool implied_operand(const ZydisDecodedOperand& operand) {
    const auto& memory = operand.mem;
    if (memory.base == ZYDIS_REGISTER_NONE) return false;  // MOV moffs: hand-written tests
    const unsigned base = number_of(memory.base);
    if (is_set(base)) return true;
    const std::int64_t where = base == kRsp || base == kRbp ? place(8, 512) & ~7 : place(16, 512);
    set(base, where);
    if (base == kRsp) stack_ = where;
    return true;
  }

  bool operands_of_note() {
    const ZydisDecodedInstruction& info = decoded_.info;
    switch (info.mnemonic) {
      case ZYDIS_MNEMONIC_XLAT: return true;
      case ZYDIS_MNEMONIC_BT:
      case ZYDIS_MNEMONIC_BTS:
      case ZYDIS_MNEMONIC_BTR:
      case ZYDIS_MNEMONIC_BTC: return bit_offset();
      case ZYDIS_MNEMONIC_ENTER:
        if (!is_set(kRbp)) set(kRbp, place(8, 1024) & ~7);
        return (info.raw.imm[1].value.u & 31) < 4 && info.raw.imm[0].value.u < 512;
      case ZYDIS_MNEMONIC_LEAVE:
        if (!is_set(kRbp)) set(kRbp, place(8, 512) & ~7);
        return true;
      case ZYDIS_MNEMONIC_DIV:
      case ZYDIS_MNEMONIC_IDIV: return dividend();
      case ZYDIS_MNEMONIC_SHLD:
      case ZYDIS_MNEMONIC_SHRD: return double_shift_count();
      case ZYDIS_MNEMONIC_LDMXCSR:
      case ZYDIS_MNEMONIC_VLDMXCSR: return loaded_mxcsr(0);
      case ZYDIS_MNEMONIC_FXRSTOR:
      case ZYDIS_MNEMONIC_FXRSTOR64: return loaded_mxcsr(24);
      case ZYDIS_MNEMONIC_FLDCW:
      case ZYDIS_MNEMONIC_FLDENV:
      case ZYDIS_MNEMONIC_FRSTOR: return loaded_control_word();
      case ZYDIS_MNEMONIC_POPF:
      case ZYDIS_MNEMONIC_POPFD:
      case ZYDIS_MNEMONIC_POPFQ: return popped_flags();
      default: break;
    }
    constexpr ZydisInstructionAttributes kRepeated =
        ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    if ((info.attributes & kRepeated) != 0) {
      if (is_set(kRcx)) return false;
      set(kRcx, static_cast<std::int64_t>(random_.below(20)));
    }
    return true;
  }

  // The offset may reach beyond the operand; keep it near.
  bool bit_offset() {
    const ZydisDecodedOperand& offset = decoded_.operands[1];
    if (decoded_.operands[0].type != ZYDIS_OPERAND_TYPE_MEMORY) return true;
    if (offset.type != ZYDIS_OPERAND_TYPE_REGISTER) return true;
    const unsigned reg = number_of(offset.reg.value);
    if (is_set(reg)) return false;
    set(reg, random_.between(-2048, 2047));
    return true;
  }

  // Random dividends nearly always overflow: mostly make the upper half small.
  bool dividend() {
    if (random_.percent(75) && !is_set(kRdx)) set(kRdx, random_.between(-1, 2));
    return true;
  }

  // 16-bit double shifts by more than 16 have an undefined result (SDM vol. 2B, SHLD).
  bool double_shift_count() {
    if (decoded_.info.operand_width != 16) return true;
    if (decoded_.operands[2].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
      return (decoded_.info.raw.imm[0].value.u & 31) <= 16;
    }
    if (is_set(kRcx)) return false;
    for (unsigned i = 0; i < 2; ++i) {
      const ZydisDecodedOperand& operand = decoded_.operands[i];
      if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && number_of(operand.reg.value) == kRcx) {
        return false;
      }
    }
    set(kRcx, random_.between(0, 16));
    return true;
  }

  // Bit 17 (MM) exists on AMD only; the memory behind the operand belongs to no other of its
  // fields.
  bool loaded_mxcsr(std::int64_t offset) {
    if (rip_relative_) return false;
    auto mxcsr = static_cast<std::int32_t>(random_.next() & 0xffff);
    if (random_.percent(5)) mxcsr |= 0x10000;
    append_store(unit_.bytes, mode_, static_cast<std::uint32_t>(address_ + offset), mxcsr);
    return true;
  }

  // Mostly with all exceptions masked.
  bool loaded_control_word() {
    if (rip_relative_) return false;
    auto control = static_cast<std::int32_t>(random_.next() & 0xf7f) | 0x40;
    if (!random_.percent(10)) control |= 0x3f;
    append_store(unit_.bytes, mode_, static_cast<std::uint32_t>(address_), control);
    return true;
  }

  // Any arithmetic flags and DF; not TF, NT and AC, which the host's kernel acts on.
  bool popped_flags() {
    const auto flags = static_cast<std::int32_t>((random_.next() & 0xcd5) | 0x202);
    append_store(unit_.bytes, mode_, static_cast<std::uint32_t>(stack_), flags);
    return stack_ != 0;
  }

  bool control_flow() {
    const ZydisDecodedInstruction& info = decoded_.info;
    if (info.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE && info.mnemonic != ZYDIS_MNEMONIC_RET) {
      return true;
    }
    if (info.mnemonic == ZYDIS_MNEMONIC_RET) {
      if (stack_ == 0) return false;
      append_store(unit_.bytes, mode_, static_cast<std::uint32_t>(stack_), 0);
      unit_.targets.push_back({.at = at(unit_.bytes.size() - 4)});
      return true;
    }
    const ZydisDecodedOperand& target = decoded_.operands[0];
    if (target.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) return true;  // patched by append_instruction
    if (target.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      const unsigned reg = number_of(target.reg.value);
      if (is_set(reg) || reg == kRsp) return false;
      set(reg, 0);
    } else {
      if (info.mnemonic == ZYDIS_MNEMONIC_CALL && std::abs(address_ - stack_) < 16) return false;
      append_store(unit_.bytes, mode_, static_cast<std::uint32_t>(address_), 0);
    }
    unit_.targets.push_back({.at = at(unit_.bytes.size() - 4)});
    return true;
  }

 public:
  void append_instruction() {
    unit_.instruction = unit_.bytes.size();
    const ZydisDecodedInstruction& info = decoded_.info;
    unit_.bytes.insert(unit_.bytes.end(), bytes_.begin(), bytes_.begin() + info.length);
    if (rip_relative_) {
      unit_.targets.push_back({.at = at(unit_.instruction + info.raw.disp.offset),
                               .relative = true,
                               .data = static_cast<std::uint32_t>(address_)});
    }
    const auto& immediate = info.raw.imm[0];
    if (immediate.size != 0 && immediate.is_relative) {
      unit_.targets.push_back({.at = at(unit_.instruction + immediate.offset),
                               .size = static_cast<std::uint8_t>(immediate.size / 8),
                               .relative = true,
                               .skipped = static_cast<std::uint8_t>(random_.below(3))});
    }
  }

 private:
  static std::uint8_t at(std::size_t position) { return static_cast<std::uint8_t>(position); }

  Unit& unit_;
  Mode mode_;
  DecodedInstruction& decoded_;
  std::vector<std::uint8_t>& bytes_;
  Random& random_;
  unsigned assigned_ = 0;
  std::int64_t address_ = 0;
  std::int64_t stack_ = 0;
  bool rip_relative_ = false;
  bool faults_ = false;  // some operand lies where it faults
};

FlagUse use_of(const ZydisAccessedFlags* flags, bool may_stay) {
  if (flags == nullptr) return {};
  return {.tested = flags->tested,
          .defined = may_stay ? 0 : flags->modified | flags->set_0 | flags->set_1,
          .undefined = flags->undefined};
}

}  // namespace

UnitMaker::UnitMaker(Mode mode, std::span<const Group> groups)
    : mode_(mode), groups_(groups), decoder_(decoder_for(mode)) {}

Unit UnitMaker::make(Random& random) const {
  // Instructions that always fault end a sequence: keep them rare.
  constexpr unsigned kPrivileged = 3;
  for (;;) {
    const Group& group = random.pick(groups_);
    if (group.privileged && groups_.size() > 1 && !random.percent(kPrivileged)) continue;
    if (auto unit = attempt(group, random)) return *std::move(unit);
  }
}

std::optional<Unit> UnitMaker::attempt(const Group& group, Random& random) const {
  const Form& form = random.pick(std::span(group.forms));
  std::vector<std::uint8_t> bytes = random_encoding(form, mode_, random);
  auto decoded = decode(decoder_, std::as_bytes(std::span(bytes)));
  if (!decoded || decoded->info.mnemonic != group.mnemonic) return std::nullopt;
  Unit unit{.mnemonic = group.mnemonic};
  Preparation preparation(unit, mode_, *decoded, bytes, random);
  if (!preparation.prepare()) return std::nullopt;
  preparation.append_instruction();
  unit.cpu = use_of(decoded->info.cpu_flags, may_leave_flags(group.mnemonic));
  unit.x87 = use_of(decoded->info.fpu_flags, false);
  if (group.mnemonic == ZYDIS_MNEMONIC_FNSTSW) unit.x87.tested = ~0u;  // Zydis does not tell
  unit.x87.undefined |= undefined_conditions(group.mnemonic);
  return unit;
}

}  // namespace orrery::isa::differential
