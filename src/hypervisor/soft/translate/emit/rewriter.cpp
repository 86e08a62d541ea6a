#include "hypervisor/soft/translate/emit/rewriter.hpp"

#include "base/assert.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// REX (SDM vol. 2A, 2.2.1): 0100 W R X B
constexpr std::uint8_t kRex = 0x40;
constexpr std::uint8_t kRexW = 0x08;
constexpr std::uint8_t kRexR = 0x04;
constexpr std::uint8_t kRexB = 0x01;

constexpr std::uint8_t kOperandSizePrefix = 0x66;
constexpr std::uint8_t kLockPrefix = 0xf0;
constexpr std::uint8_t kThreeByteVex = 0xc4;
constexpr std::uint8_t kTwoByteVex = 0xc5;

// The fields of the new encoding, registers by all four bits.
struct Fields {
  unsigned reg = 0;
  unsigned rm = 0;
  unsigned opcode = 0;
  bool memory = false;
};

class Rewriter {
 public:
  Rewriter(const Decoded& decoded, ByteSpan code, const Substitution& substitution)
      : info_(decoded.info), code_(code), substitution_(substitution) {}

  Encoding run() {
    if (info_.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
      vex();
    } else {
      legacy();
    }
    return encoding_;
  }

 private:
  bool has_modrm() const { return (info_.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0; }
  unsigned byte_at(std::size_t index) const { return static_cast<unsigned>(code_[index]); }

  // First and one past the last opcode byte.
  std::size_t opcode_end() const {
    if (has_modrm()) return info_.raw.modrm.offset;
    return info_.raw.imm[0].size != 0 ? info_.raw.imm[0].offset : info_.length;
  }

  Fields fields(bool r, bool b) const {
    Fields result;
    if (has_modrm()) {
      result.reg = substitution_.reg.value_or(info_.raw.modrm.reg | (r ? 8u : 0u));
      result.memory = info_.raw.modrm.mod != 3;
      result.rm = result.memory ? *substitution_.memory_base
                                : substitution_.rm.value_or(info_.raw.modrm.rm | (b ? 8u : 0u));
    } else {
      result.opcode =
          substitution_.opcode.value_or((byte_at(opcode_end() - 1) & 7) | (b ? 8u : 0u));
    }
    return result;
  }

  // Prefixes that are part of the operation. An address size or segment has gone into the new
  // operand; F2 and F3 without a meaning here would have one on a processor with more features.
  void prefixes() {
    for (unsigned n = 0; n < info_.raw.prefix_count; ++n) {
      const auto& prefix = info_.raw.prefixes[n];
      const bool is_rex = (prefix.value & 0xf0) == kRex;
      const bool matters = prefix.type == ZYDIS_PREFIX_TYPE_MANDATORY ||
                           prefix.value == kOperandSizePrefix || prefix.value == kLockPrefix;
      if (!is_rex && matters) encoding_.append(prefix.value);
    }
  }

  void legacy() {
    const bool had_rex = (info_.attributes & ZYDIS_ATTRIB_HAS_REX) != 0;
    const auto& rex = info_.raw.rex;
    const Fields field = fields(had_rex && rex.R != 0, had_rex && rex.B != 0);
    const bool extends_opcode = !has_modrm() && takes_opcode_register();
    prefixes();
    std::uint8_t bits = had_rex && rex.W != 0 ? kRexW : 0;
    if ((field.reg & 8) != 0) bits |= kRexR;
    if (((extends_opcode ? field.opcode : field.rm) & 8) != 0) bits |= kRexB;
    if (had_rex || bits != 0) encoding_.append(kRex | bits);

    const std::size_t first = info_.raw.prefix_count;  // REX among them
    const std::size_t end = opcode_end();
    for (std::size_t n = first; n < end; ++n) {
      unsigned byte = byte_at(n);
      if (extends_opcode && n + 1 == end) byte = (byte & ~7u) | (field.opcode & 7);
      encoding_.append(static_cast<std::uint8_t>(byte));
    }
    modrm_and_immediates(field);
  }

  // Whether the last opcode byte names a register: BSWAP, XCHG with RAX, MOV with an immediate.
  bool takes_opcode_register() const { return substitution_.opcode.has_value(); }

  // VEX (SDM vol. 2A, 2.3.5): always the form of three bytes.
  void vex() {
    const std::size_t start = info_.raw.vex.offset;
    const bool is_short = byte_at(start) == kTwoByteVex;
    // Bits R, X and B are stored inverted.
    const unsigned second = byte_at(start + 1);
    const unsigned third = is_short ? (second & 0x7f) : byte_at(start + 2);
    const bool r = (second & 0x80) == 0;
    const bool b = !is_short && (second & 0x20) == 0;
    const unsigned map = is_short ? 1 : (second & 0x1f);
    const Fields field = fields(r, b);
    const unsigned vvvv = substitution_.vvvv.value_or(((third >> 3) & 15) ^ 15);

    encoding_.append(kThreeByteVex);
    encoding_.append(static_cast<std::uint8_t>(((field.reg & 8) != 0 ? 0u : 0x80u) | 0x40u |
                                               ((field.rm & 8) != 0 ? 0u : 0x20u) | map));
    encoding_.append(static_cast<std::uint8_t>((third & 0x87u) | ((vvvv ^ 15) << 3)));
    for (std::size_t n = start + (is_short ? 2 : 3); n < opcode_end(); ++n) {
      encoding_.append(static_cast<std::uint8_t>(byte_at(n)));
    }
    modrm_and_immediates(field);
  }

  void modrm_and_immediates(const Fields& field) {
    if (has_modrm()) {
      // A base with the low bits of RSP or RBP would need more than a ModRM byte.
      ORRERY_ASSERT(!field.memory || ((field.rm & 7) != 4 && (field.rm & 7) != 5));
      const std::int8_t displacement = substitution_.memory_displacement;
      const unsigned mod = !field.memory ? 3u : displacement != 0 ? 1u : 0u;
      encoding_.append(static_cast<std::uint8_t>(mod << 6 | (field.reg & 7) << 3 | (field.rm & 7)));
      if (mod == 1) encoding_.append(static_cast<std::uint8_t>(displacement));
    }
    for (const auto& immediate : info_.raw.imm) {
      for (unsigned n = 0; n < immediate.size / 8u; ++n) {
        encoding_.append(static_cast<std::uint8_t>(byte_at(immediate.offset + n)));
      }
    }
  }

  const ZydisDecodedInstruction& info_;
  ByteSpan code_;
  const Substitution& substitution_;
  Encoding encoding_{};
};

}  // namespace

Encoding rewrite(const Decoded& decoded, ByteSpan code, const Substitution& substitution) {
  return Rewriter(decoded, code, substitution).run();
}

}  // namespace orrery::hypervisor::soft::translate
