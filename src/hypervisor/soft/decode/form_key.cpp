#include "hypervisor/soft/decode/form_key.hpp"

#include <algorithm>
#include <bitset>

namespace orrery::hypervisor::soft {
namespace {

constexpr std::uint8_t kTwoByteEscape = 0x0f;
constexpr std::uint8_t kVex2 = 0xc5;
constexpr std::uint8_t kVex3 = 0xc4;

using OpcodeSet = std::bitset<256>;

constexpr bool is_in(std::uint8_t opcode, std::uint8_t first, std::uint8_t last) {
  return opcode >= first && opcode <= last;
}

// SDM vol. 2D, appendix A, tables. What is not certainly without a ModRM byte counts as
// having one.
constexpr bool lacks_modrm(std::uint8_t opcode) {
  if (opcode < 0x40) return (opcode & 7) >= 4;
  return is_in(opcode, 0x50, 0x5f) || opcode == 0x68 || opcode == 0x6a ||
         is_in(opcode, 0x6c, 0x7f) || is_in(opcode, 0x90, 0xbf) || is_in(opcode, 0xc2, 0xc3) ||
         is_in(opcode, 0xc8, 0xcf) || opcode == 0xd7 || is_in(opcode, 0xe0, 0xef) ||
         is_in(opcode, 0xf4, 0xf5) || is_in(opcode, 0xf8, 0xfd);
}

constexpr bool lacks_modrm_after_escape(std::uint8_t opcode) {
  return is_in(opcode, 0x05, 0x09) || opcode == 0x0b || is_in(opcode, 0x30, 0x37) ||
         opcode == 0x77 || is_in(opcode, 0x80, 0x8f) || is_in(opcode, 0xa0, 0xa2) ||
         is_in(opcode, 0xa8, 0xaa) || is_in(opcode, 0xc8, 0xcf);
}

OpcodeSet make_set(bool (*holds)(std::uint8_t)) {
  OpcodeSet set;
  for (unsigned opcode = 0; opcode < set.size(); ++opcode) {
    set[opcode] = holds(static_cast<std::uint8_t>(opcode));
  }
  return set;
}

constexpr bool is_prefix(std::uint8_t byte) {
  switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3: return true;
    default: return false;
  }
}

// Takes bytes into the key one by one, as long as there are any and it has room.
class Scanner {
 public:
  explicit Scanner(ByteSpan bytes)
      : bytes_(bytes.first(std::min(bytes.size(), sizeof(FormKey::bytes)))) {}

  std::optional<FormKey> scan() {
    while (is_prefix(peek())) take();
    if ((peek() & 0xf0) == 0x40) take();  // REX, which only stands right before the opcode
    const bool complete = take_opcode();
    return complete && !short_ ? std::optional(key_) : std::nullopt;
  }

 private:
  std::uint8_t peek() {
    if (key_.size < bytes_.size()) return std::to_integer<std::uint8_t>(bytes_[key_.size]);
    short_ = true;
    return 0;
  }
  std::uint8_t take() {
    const std::uint8_t byte = peek();
    key_.bytes |= std::uint64_t{byte} << 8 * key_.size % 64;
    ++key_.size;
    return byte;
  }

  bool take_opcode() {
    static const OpcodeSet kLacking = make_set(&lacks_modrm);
    const std::uint8_t opcode = take();
    if (is_prefix(opcode) || (opcode & 0xf0) == 0x40) return false;  // REX was followed by either
    switch (opcode) {
      case kTwoByteEscape: return take_after_escape();
      case kVex2: take(); return take_vex_opcode();
      case kVex3: take(), take(); return take_vex_opcode();
      case 0x62:  // EVEX
      case 0x8f:  // XOP, and POP
      case 0xa0:
      case 0xa1:
      case 0xa2:
      case 0xa3: return false;  // MOV with a direct offset
      case 0xc0:
      case 0xc1: return take_shift();
      default: return kLacking[opcode] || take_modrm();
    }
  }

  bool take_after_escape() {
    static const OpcodeSet kLacking = make_set(&lacks_modrm_after_escape);
    const std::uint8_t opcode = take();
    if (opcode == 0x0f) return false;  // 3DNow!: the last byte is the opcode
    if (opcode == 0x38 || opcode == 0x3a) take();
    return kLacking[opcode] || take_modrm();
  }

  bool take_vex_opcode() {
    constexpr std::uint8_t kVzeroupper = 0x77;
    return take() == kVzeroupper || take_modrm();
  }

  bool take_modrm() {
    const std::uint8_t modrm = take();
    constexpr std::uint8_t kSib = 4;
    if (modrm >> 6 != 3 && (modrm & 7) == kSib) take();
    return true;
  }

  bool take_shift() {
    const std::uint8_t modrm = peek();
    take_modrm();
    if (modrm >> 6 == 3) take();  // the count
    return true;
  }

  ByteSpan bytes_;
  FormKey key_;
  bool short_ = false;
};

}  // namespace

std::optional<FormKey> form_key(ByteSpan bytes) {
  return Scanner(bytes).scan();
}

}  // namespace orrery::hypervisor::soft
