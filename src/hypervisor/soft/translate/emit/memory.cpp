// Memory operands: the address, the inline look-up in the TLB, and what happens when it fails.
#include <bit>
#include <optional>

#include "hypervisor/soft/mmu/tlb.hpp"
#include "hypervisor/soft/translate/emit/block_emitter.hpp"
#include "x86/segment.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr unsigned kEntryShift = std::countr_zero(sizeof(TlbEntry));
constexpr std::uint32_t kIndexMask = (Tlb::kEntries - 1) << kEntryShift;

unsigned number_of(ZydisRegister reg) {
  return static_cast<unsigned>(ZydisRegisterGetId(reg));
}

bool adds_segment_base(const ZydisDecodedOperandMem& memory) {
  return memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS;
}

// The same for all executions of the instruction, or nothing.
std::optional<std::uint64_t> known_offset(const Item& item, const ZydisDecodedOperand& operand) {
  const ZydisDecodedOperandMem& memory = operand.mem;
  const auto displacement =
      static_cast<std::uint64_t>(memory.disp.has_displacement ? memory.disp.value : 0);
  if (memory.base == ZYDIS_REGISTER_RIP) return item.next_rip() + displacement;
  if (memory.base != ZYDIS_REGISTER_NONE || memory.index != ZYDIS_REGISTER_NONE) {
    return std::nullopt;
  }
  return displacement;
}

}  // namespace

void BlockEmitter::load_constant(const x::Gpq& reg, std::uint64_t value) {
  if (value == static_cast<std::uint32_t>(value)) {
    a_.mov(reg.r32(), static_cast<std::uint32_t>(value));
  } else {
    a_.mov(reg, value);
  }
}

// kT0 = base + index * scale + displacement.
void BlockEmitter::emit_offset(const Item& item, const ZydisDecodedOperand& operand) {
  if (const auto known = known_offset(item, operand)) return load_constant(kT0, *known);
  const ZydisDecodedOperandMem& memory = operand.mem;
  const auto displacement = memory.disp.has_displacement ? memory.disp.value : 0;
  emit_address({memory.base, memory.index, memory.scale}, static_cast<std::int32_t>(displacement));
}

void BlockEmitter::emit_address(const Anchor& anchor, std::int32_t distance) {
  const bool has_base = anchor.base != ZYDIS_REGISTER_NONE;
  const x::Gpq base = has_base ? read_gpr(number_of(anchor.base), kT0) : kT0;
  if (anchor.index == ZYDIS_REGISTER_NONE) {
    if (distance != 0) {
      a_.lea(kT0, x::ptr(base, distance));
    } else if (base != kT0) {
      a_.mov(kT0, base);
    }
    return;
  }
  const x::Gpq index = read_gpr(number_of(anchor.index), kT1);
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(anchor.scale));
  if (has_base) {
    a_.lea(kT0, x::ptr(base, index, shift, distance));
  } else {
    x::Mem address = x::ptr(std::uint64_t{0}, index, shift);
    address.setOffset(distance);
    a_.lea(kT0, address);
  }
}

void BlockEmitter::emit_linear(const Item& item, const ZydisDecodedOperand& operand) {
  emit_offset(item, operand);
  if (!adds_segment_base(operand.mem)) return;
  const ZydisRegister segment = operand.mem.segment;
  const auto number = static_cast<std::int32_t>(
      segment == ZYDIS_REGISTER_FS ? x86::SegmentRegister::kFs : x86::SegmentRegister::kGs);
  a_.mov(kT1, context(layout_.segment_bases + number * 8));
  a_.lea(kT0, x::ptr(kT0, kT1));
}

BlockEmitter::Access BlockEmitter::access_of(const Item& item) const {
  const ZydisDecodedOperand& operand = item.decoded.operands[item.plan.memory_operand];
  Access access{};
  access.size = operand.size / 8u;
  const bool reads = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
  const bool writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  access.kind = !writes ? AccessKind::kRead : reads ? AccessKind::kReadWrite : AccessKind::kWrite;
  access.aligned = needs_alignment(item);
  access.stack = operand.mem.segment == ZYDIS_REGISTER_SS;
  if (!adds_segment_base(operand.mem)) access.known = known_offset(item, operand);
  return access;
}

std::int32_t BlockEmitter::tag_of(bool write) const {
  return layout_.tlb[static_cast<unsigned>(page_.mode)] +
         static_cast<std::int32_t>(write ? offsetof(TlbEntry, write_tag)
                                         : offsetof(TlbEntry, read_tag));
}

void BlockEmitter::emit_look_up(const LookUp& wanted, const asmjit::Label& miss) {
  const bool known = wanted.known.has_value();
  if (!known) {
    a_.mov(kT1.r32(), kT0.r32());
    a_.shr(kT1.r32(), kPageShift - kEntryShift);
    a_.and_(kT1.r32(), kIndexMask);
  }
  const std::int32_t slot = known ? slot_of(*wanted.known) : 0;
  const auto field = [known, slot](std::int32_t offset) {
    return known ? context(offset + slot) : context(kT1, offset);
  };
  a_.xor_(kT0, field(tag_of(wanted.write)));
  if (wanted.size == 1) {
    a_.test(kT0, -static_cast<std::int32_t>(kPageSize));
    a_.jnz(miss);
  } else {
    a_.cmp(kT0, static_cast<std::int32_t>(kPageSize - wanted.size));
    a_.ja(miss);
  }
  if (wanted.alignment > 1) {
    a_.test(kT0.r8(), wanted.alignment - 1);
    a_.jnz(miss);
  }
  a_.add(kT0, field(layout_.tlb[static_cast<unsigned>(page_.mode)] +
                    static_cast<std::int32_t>(offsetof(TlbEntry, host))));
}

// Bytes from a mode's first entry.
std::int32_t BlockEmitter::slot_of(std::uint64_t linear) {
  return static_cast<std::int32_t>(Tlb::index_of(linear) << kEntryShift);
}

void BlockEmitter::emit_access(const Item& item, const Access& access,
                               const std::function<void()>& body) {
  const bool write = access.kind != AccessKind::kRead;
  const std::int32_t tag = tag_of(write);
  const asmjit::Label slow = a_.newLabel();
  const asmjit::Label resume = a_.newLabel();
  const asmjit::Label after = a_.newLabel();
  emit_look_up({access.size, write, access.aligned ? access.size : 1, access.known}, slow);
  a_.bind(resume);

  AccessSite& site = sites_.accesses.emplace_back(AccessSite{
      before(item), item.rip, access.then == Then::kTarget ? item.target() : item.next_rip(),
      access.then == Then::kScratch, page_.page, static_cast<std::uint16_t>(access.size),
      access.kind, access.aligned, access.stack, flags_ == FlagState::kSaved, false});
  const FlagState before = flags_;
  body();
  site.flags_saved_after = flags_ == FlagState::kSaved;
  a_.bind(after);

  later([this, &site, slow, resume, after, body, before, tag, write, known = access.known] {
    a_.bind(slow);
    if (known) a_.mov(kT1.r32(), slot_of(*known));
    a_.xor_(kT0, context(kT1, tag));  // the linear address again
    a_.mov(kT1, reinterpret_cast<std::uint64_t>(&site));
    call_to(gates_.access);
    a_.long_().jmp(resume);  // 5 bytes, which a commit skips
    if (!write) return;
    flags_ = before;
    body();
    a_.mov(kT1, reinterpret_cast<std::uint64_t>(&site));
    call_to(gates_.commit);
    a_.jmp(after);
  });
}

}  // namespace orrery::hypervisor::soft::translate
