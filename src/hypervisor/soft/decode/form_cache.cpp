#include "hypervisor/soft/decode/form_cache.hpp"

#include <limits>

namespace orrery::hypervisor::soft {

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
  return forms_[form_place(key, kForms)];
}

// False where the instance is not like the others: its displacement, counted from the block's
// start, does not fit.
bool FormCache::fill(const Form& form, ByteSpan bytes, std::uint16_t offset, Instruction& record) {
  record = form.record;
  record.offset = offset;
  const std::uint64_t end = std::uint64_t{offset} + record.length;
  const auto& [displacement_in, immediate_in, is_relative] = form.numbers;
  if (displacement_in.size != 0) {
    const bool from_rip = record.base == kBlockRipSlot;
    const auto displacement =
        static_cast<std::int64_t>(displacement_in.in(bytes) + (from_rip ? end : 0));
    if (displacement > std::numeric_limits<std::int32_t>::max()) return false;
    record.displacement = static_cast<std::int32_t>(displacement);
  }
  if (immediate_in.size != 0) {
    record.immediate = immediate_in.in(bytes) + (is_relative ? end : 0);
  }
  return true;
}

void FormCache::keep(const FormKey& key, const Decoded& decoded, DecodeStatus status,
                     const Instruction& record) {
  const auto numbers = numbers_of(key, decoded);
  if (!numbers || record.index == kTwoGibSlot) return;
  place_of(key) = {key.bytes, static_cast<std::uint8_t>(key.size), status, *numbers, record};
}

}  // namespace orrery::hypervisor::soft
