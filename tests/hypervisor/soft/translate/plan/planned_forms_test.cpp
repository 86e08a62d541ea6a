#include "hypervisor/soft/translate/plan/planned_forms.hpp"

#include <span>
#include <string>

#include <gtest/gtest.h>

#include "../../decode/random_code.hpp"
#include "base/format.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

std::string text_of(const ZydisDecodedOperand& operand) {
  const std::string what =
      format("{} {} {} {}: ", static_cast<unsigned>(operand.type), operand.size, operand.actions,
             static_cast<unsigned>(operand.encoding));
  switch (operand.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      return format("{}{}\n", what, static_cast<unsigned>(operand.reg.value));
    case ZYDIS_OPERAND_TYPE_MEMORY:
      return format("{}{} {} {} {} {}\n", what, static_cast<unsigned>(operand.mem.segment),
                    static_cast<unsigned>(operand.mem.base),
                    static_cast<unsigned>(operand.mem.index), operand.mem.scale,
                    operand.mem.disp.has_displacement != 0 ? operand.mem.disp.value : 0);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return format("{}{}\n", what, operand.imm.value.u);
    default: return what + "\n";
  }
}

// All that the translator looks at.
std::string text_of(const Decoded& decoded) {
  const auto& raw = decoded.info.raw;
  std::string text =
      format("{} {} {:x} {} {}; {} {}\n", ZydisMnemonicGetString(decoded.info.mnemonic),
             decoded.info.length, decoded.info.attributes, decoded.info.operand_width,
             decoded.info.address_width, raw.disp.value, raw.imm[0].value.u);
  for (unsigned n = 0; n < decoded.info.operand_count; ++n) text += text_of(decoded.operands[n]);
  return text;
}

class PlannedFormsTest : public testing::Test {
 protected:
  // Whether the forms say of BYTES what the decoder and the planner say.
  void expect_agreement(ByteSpan bytes) {
    Decoded expected;
    const DecodeStatus status = decode_form(bytes, CodeSize::k64, expected);
    const PlannedForms::Glance glance = forms_.glance(bytes);
    Decoded decoded;
    Plan plan;
    ASSERT_EQ(forms_.read(bytes, decoded, plan), status);
    ASSERT_EQ(glance.status, status);
    if (status != DecodeStatus::kDecoded) return;
    ASSERT_EQ(text_of(decoded), text_of(expected));
    const Plan expected_plan = plan_for(expected, HostRegisters());
    ASSERT_EQ(plan, expected_plan) << text_of(expected);
    ASSERT_EQ(glance.plan, expected_plan) << text_of(expected);
    ASSERT_EQ(glance.length, expected.info.length);
  }

  PlannedForms forms_{HostRegisters()};
  RandomCode code_{20261127};
};

TEST_F(PlannedFormsTest, SayWhatTheDecoderSays) {
  for (int n = 0; n < 200'000; ++n) {
    CodeBytes bytes = code_.draw_instruction();
    ASSERT_NO_FATAL_FAILURE(expect_agreement(bytes));
    code_.draw_numbers(bytes);
    ASSERT_NO_FATAL_FAILURE(expect_agreement(bytes));
  }
}

TEST_F(PlannedFormsTest, AskForTheRestOfAKnownForm) {
  for (int n = 0; n < 10'000; ++n) {
    const CodeBytes bytes = code_.draw_instruction();
    ASSERT_NO_FATAL_FAILURE(expect_agreement(bytes));
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      ASSERT_NO_FATAL_FAILURE(expect_agreement(std::span(bytes).first(size)));
    }
  }
}

}  // namespace
}  // namespace orrery::hypervisor::soft::translate
