#include "hypervisor/soft/decode/form_cache.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include "base/bits.hpp"

namespace orrery::hypervisor::soft {
namespace {

// Families whose selectors take the immediate as it is, whatever its value.
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

DecodeStatus FormCache::decode(ByteSpan bytes, std::uint16_t offset, Instruction& record) {
  const std::optional<FormKey> key = form_key(bytes);
  if (!key) return soft::decode(bytes, CodeSize::k64, offset, record);
  const Form& form = place_of(*key);
  if (form.key == key->bytes && form.key_size == key->size) {
    if (form.record.length > bytes.size()) return DecodeStatus::kTruncated;
    if (fill(form, bytes, offset, record)) return form.status;
  }
  Decoded decoded;
  const DecodeStatus status = decode_whole(bytes, CodeSize::k64, offset, record, decoded);
  if (decoded.info.length != 0) keep(*key, decoded, status, record);
  return status;
}

FormCache::Form& FormCache::place_of(const FormKey& key) {
  constexpr std::uint64_t kGoldenRatio = 0x9e37'79b9'7f4a'7c15;
  return forms_[key.bytes * kGoldenRatio >> (64 - std::countr_zero(kForms))];
}

std::uint64_t FormCache::number_in(ByteSpan bytes, const Number& number) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + number.offset, number.size);
  return number.is_signed ? sign_extend(value, number.size * 8u) : value;
}

// False where the instance is not like the others: its displacement, counted from the block's
// start, does not fit.
bool FormCache::fill(const Form& form, ByteSpan bytes, std::uint16_t offset, Instruction& record) {
  record = form.record;
  record.offset = offset;
  const std::uint64_t end = std::uint64_t{offset} + record.length;
  if (form.displacement.size != 0) {
    const bool from_rip = record.base == kBlockRipSlot;
    const auto displacement =
        static_cast<std::int64_t>(number_in(bytes, form.displacement) + (from_rip ? end : 0));
    if (displacement > std::numeric_limits<std::int32_t>::max()) return false;
    record.displacement = static_cast<std::int32_t>(displacement);
  }
  if (form.immediate.size != 0) {
    record.immediate = number_in(bytes, form.immediate) + (form.is_relative ? end : 0);
  }
  return true;
}

// Not where the bytes behind the key say more than fill() takes from them.
void FormCache::keep(const FormKey& key, const Decoded& decoded, DecodeStatus status,
                     const Instruction& record) {
  const auto& raw = decoded.info.raw;
  const unsigned displacement_size = raw.disp.size / 8;
  const unsigned immediate_size =
      has_plain_immediate(decoded.info) && raw.imm[1].size == 0 ? raw.imm[0].size / 8 : 0;
  if (record.length > key.size + displacement_size + immediate_size) return;
  if (record.index == kTwoGibSlot) return;
  Form& form = place_of(key);
  form.key = key.bytes;
  form.key_size = static_cast<std::uint8_t>(key.size);
  form.status = status;
  form.is_relative = raw.imm[0].is_relative != 0;
  form.displacement = {raw.disp.offset, static_cast<std::uint8_t>(displacement_size), true};
  form.immediate = {raw.imm[0].offset, static_cast<std::uint8_t>(immediate_size),
                    raw.imm[0].is_signed != 0};
  form.record = record;
}

}  // namespace orrery::hypervisor::soft
