#include "hypervisor/soft/translate/plan/planned_forms.hpp"

#include <algorithm>

namespace orrery::hypervisor::soft::translate {

DecodeStatus PlannedForms::read(ByteSpan bytes, Decoded& decoded, Plan& plan) {
  const Form* form = find(bytes);
  if (form == nullptr) return decode(bytes, decoded, plan);
  if (form->info.length > bytes.size()) return DecodeStatus::kTruncated;
  plan = form->plan;
  decoded.info = form->info;
  decoded.code_size = CodeSize::k64;
  std::copy_n(form->operands.begin(), decoded.info.operand_count, decoded.operands);
  if (form->numbers.displacement.size != 0) {
    const auto value = static_cast<std::int64_t>(form->numbers.displacement.in(bytes));
    decoded.info.raw.disp.value = value;
    if (form->displaced != kNoOperand) decoded.operands[form->displaced].mem.disp.value = value;
  }
  if (form->numbers.immediate.size != 0) {
    const std::uint64_t value = form->numbers.immediate.in(bytes);
    decoded.info.raw.imm[0].value.u = value;
    if (form->immediate != kNoOperand) decoded.operands[form->immediate].imm.value.u = value;
  }
  return DecodeStatus::kDecoded;
}

PlannedForms::Glance PlannedForms::glance(ByteSpan bytes) {
  if (const Form* form = find(bytes); form != nullptr) {
    if (form->info.length > bytes.size()) return {DecodeStatus::kTruncated};
    return {DecodeStatus::kDecoded, form->info.length, form->plan};
  }
  Decoded decoded;
  Glance glance;
  glance.status = decode(bytes, decoded, glance.plan);
  glance.length = decoded.info.length;
  return glance;
}

const PlannedForms::Form* PlannedForms::find(ByteSpan bytes) const {
  const std::optional<FormKey> key = form_key(bytes);
  if (!key) return nullptr;
  const std::uint16_t number = numbers_[form_place(*key, kPlaces)];
  if (number == 0) return nullptr;
  const Form& form = forms_[number - 1u];
  return form.key == key->bytes && form.key_size == key->size ? &form : nullptr;
}

DecodeStatus PlannedForms::decode(ByteSpan bytes, Decoded& decoded, Plan& plan) {
  const DecodeStatus status = decode_form(bytes, CodeSize::k64, decoded);
  if (status != DecodeStatus::kDecoded) return status;
  plan = plan_for(decoded, registers_);
  if (const auto key = form_key(bytes)) keep(*key, decoded, plan);
  return status;
}

void PlannedForms::keep(const FormKey& key, const Decoded& decoded, const Plan& plan) {
  const auto numbers = numbers_of(key, decoded);
  if (!numbers || decoded.info.operand_count > kMostOperands) return;
  Form& form = place_for(key);
  form.key = key.bytes;
  form.key_size = static_cast<std::uint8_t>(key.size);
  form.numbers = *numbers;
  form.displaced = form.immediate = kNoOperand;
  form.plan = plan;
  form.info = decoded.info;
  for (std::uint8_t n = 0; n < decoded.info.operand_count; ++n) {
    const ZydisDecodedOperand& operand = form.operands[n] = decoded.operands[n];
    if (operand.encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
      if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) form.displaced = n;
    } else if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
      form.immediate = n;
    }
  }
}

// The one that gives way, or another one; all do where there is no other.
PlannedForms::Form& PlannedForms::place_for(const FormKey& key) {
  if (used_ == kMostForms) {
    numbers_.clear();
    used_ = 0;
  }
  std::uint16_t& number = numbers_[form_place(key, kPlaces)];
  if (number == 0) number = ++used_;
  return forms_[number - 1u];
}

}  // namespace orrery::hypervisor::soft::translate
