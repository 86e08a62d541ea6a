#include "hypervisor/soft/decode/form_numbers.hpp"

#include <bit>
#include <cstring>

#include "base/bits.hpp"

namespace orrery::hypervisor::soft {
namespace {

// Families that take the immediate as it is, whatever its value.
bool has_plain_immediate(const ZydisDecodedInstruction& info) {
  switch (info.meta.category) {
    case ZYDIS_CATEGORY_BINARY:
    case ZYDIS_CATEGORY_LOGICAL:
    case ZYDIS_CATEGORY_DATAXFER:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_PUSH: return info.meta.isa_ext == ZYDIS_ISA_EXT_BASE;
    default: return false;
  }
}

}  // namespace

std::uint64_t FormNumbers::Number::in(ByteSpan bytes) const {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, size);
  return is_signed ? sign_extend(value, size * 8u) : value;
}

std::optional<FormNumbers> numbers_of(const FormKey& key, const Decoded& decoded) {
  const auto& raw = decoded.info.raw;
  const bool has_immediate = has_plain_immediate(decoded.info) && raw.imm[1].size == 0;
  const auto displacement = static_cast<std::uint8_t>(raw.disp.size / 8);
  const auto immediate = static_cast<std::uint8_t>(has_immediate ? raw.imm[0].size / 8 : 0);
  if (decoded.info.length > key.size + displacement + immediate) return std::nullopt;
  return FormNumbers{{raw.disp.offset, displacement, true},
                     {raw.imm[0].offset, immediate, raw.imm[0].is_signed != 0},
                     raw.imm[0].is_relative != 0};
}

std::size_t form_place(const FormKey& key, std::size_t count) {
  constexpr std::uint64_t kGoldenRatio = 0x9e37'79b9'7f4a'7c15;
  return key.bytes * kGoldenRatio >> (64 - std::countr_zero(count));
}

}  // namespace orrery::hypervisor::soft
