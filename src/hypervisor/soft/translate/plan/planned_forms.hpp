// Decoded and planned instructions by their form: what FormCache is to the interpreter. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/zeroed_array.hpp"
#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/decode/form_numbers.hpp"
#include "hypervisor/soft/translate/emit/host_registers.hpp"
#include "hypervisor/soft/translate/plan/plan.hpp"

namespace orrery::hypervisor::soft::translate {

class PlannedForms {
 public:
  explicit PlannedForms(HostRegisters registers)
      : registers_(registers), numbers_(kPlaces), forms_(kMostForms) {}

  // decode_form() of 64-bit code, and where that is kDecoded, plan_for(). Of DECODED's operands,
  // only the first `operand_count` are written.
  DecodeStatus read(ByteSpan bytes, Decoded& decoded, Plan& plan);

  // The same for those who do not want the operands.
  struct Glance {
    DecodeStatus status = DecodeStatus::kLast;
    unsigned length = 0;
    Plan plan{};
  };
  Glance glance(ByteSpan bytes);

 private:
  static constexpr std::uint8_t kNoOperand = 0xff;
  // Instructions with more are not kept.
  static constexpr std::size_t kMostOperands = 5;
  struct Form {
    std::uint64_t key;
    std::uint8_t key_size;
    FormNumbers numbers;
    // Which operand has them.
    std::uint8_t displaced;
    std::uint8_t immediate;
    Plan plan;
    ZydisDecodedInstruction info;
    std::array<ZydisDecodedOperand, kMostOperands> operands;
  };
  static_assert(std::is_trivially_destructible_v<Form>);

  // A compiler with its libraries and kernel has some twelve thousand. Forms stand side by side, so
  // that memory is used for those that there are.
  static constexpr std::size_t kPlaces = 16384;
  static constexpr std::size_t kMostForms = 8192;

  const Form* find(ByteSpan bytes) const;
  DecodeStatus decode(ByteSpan bytes, Decoded& decoded, Plan& plan);
  void keep(const FormKey& key, const Decoded& decoded, const Plan& plan);
  Form& place_for(const FormKey& key);

  HostRegisters registers_;
  ZeroedArray<std::uint16_t> numbers_;  // by form_place(): which of the forms, from 1
  ZeroedArray<Form> forms_;
  std::uint16_t used_ = 0;
};

}  // namespace orrery::hypervisor::soft::translate
