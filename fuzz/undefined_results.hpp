// Which arithmetic flags are undefined at a point of 64-bit code that is executed instruction by
// instruction, and whether the code has made anything depend on them, or on another result that
// the manual leaves open. Two engines need to agree on everything else.
#pragma once

#include <cstdint>

#include "hypervisor/soft/decode/decoder.hpp"
#include "x86/flags.hpp"

namespace orrery::fuzz {

class UndefinedResults {
 public:
  // The instruction that BYTES begin with is about to be executed.
  void step(ByteSpan bytes) {
    using namespace hypervisor::soft;
    Decoded decoded;
    if (decode_form(bytes, CodeSize::k64, decoded) != DecodeStatus::kDecoded) return;
    if (decoded.info.mnemonic == ZYDIS_MNEMONIC_HLT) return;  // it is asked about once more
    if (is_open(decoded)) matters_ = true;
    old_ = flags_;
    const ZydisAccessedFlags* flags = decoded.info.cpu_flags;
    if (reads_all_flags(decoded) && flags_ != 0) matters_ = true;
    if (flags == nullptr) return;
    if ((flags->tested & flags_) != 0) matters_ = true;
    if (always_writes(decoded)) flags_ &= ~(flags->modified | flags->set_0 | flags->set_1);
    flags_ |= flags->undefined & x86::rflags::kArithmetic;
  }

  // Something may depend on what is undefined.
  bool matters() const { return matters_; }
  // The flags that may be anything now, an instruction that faulted not having been executed.
  std::uint64_t flags() const { return flags_ | old_; }

 private:
  using Decoded = hypervisor::soft::Decoded;

  // Results that differ from processor to processor; and what changes how memory is seen, for then
  // it matters what an engine remembers of it.
  static bool is_open(const Decoded& decoded) {
    switch (decoded.info.mnemonic) {
      case ZYDIS_MNEMONIC_RCPPS:
      case ZYDIS_MNEMONIC_RCPSS:
      case ZYDIS_MNEMONIC_RSQRTPS:
      case ZYDIS_MNEMONIC_RSQRTSS: return true;
      case ZYDIS_MNEMONIC_SHLD:
      case ZYDIS_MNEMONIC_SHRD:
      case ZYDIS_MNEMONIC_BSWAP: return decoded.info.operand_width == 16;
      default: break;
    }
    for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
      const ZydisDecodedOperand& operand = decoded.operands[n];
      if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
      const ZydisRegisterClass kind = ZydisRegisterGetClass(operand.reg.value);
      if (kind == ZYDIS_REGCLASS_CONTROL || kind == ZYDIS_REGCLASS_DEBUG) return true;
    }
    return false;
  }

  static bool reads_all_flags(const Decoded& decoded) {
    switch (decoded.info.mnemonic) {
      case ZYDIS_MNEMONIC_PUSHF:
      case ZYDIS_MNEMONIC_PUSHFD:
      case ZYDIS_MNEMONIC_PUSHFQ:
      case ZYDIS_MNEMONIC_LAHF:
      case ZYDIS_MNEMONIC_SYSCALL: return true;
      default: return false;
    }
  }

  // Shifts and repeated instructions by a count of 0 leave all flags.
  static bool always_writes(const Decoded& decoded) {
    constexpr ZydisInstructionAttributes kRepeated =
        ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    const auto category = decoded.info.meta.category;
    return category != ZYDIS_CATEGORY_SHIFT && category != ZYDIS_CATEGORY_ROTATE &&
           (decoded.info.attributes & kRepeated) == 0;
  }

  std::uint64_t flags_ = 0;
  std::uint64_t old_ = 0;
  bool matters_ = false;
};

}  // namespace orrery::fuzz
