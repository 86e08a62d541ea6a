// Decoded and planned instructions by their form: what FormCache is to the interpreter. One thread.
#pragma once

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
  explicit PlannedForms(HostRegisters registers) : registers_(registers), forms_(kForms) {}

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
  struct Form {
    std::uint64_t key;
    std::uint8_t key_size;  // 0: empty
    FormNumbers numbers;
    // Which operand has them.
    std::uint8_t displaced;
    std::uint8_t immediate;
    Plan plan;
    Decoded decoded;
  };
  static_assert(std::is_trivially_destructible_v<Form>);

  // Those of a compiler, its kernel and libraries, which have some two thousand, mostly.
  static constexpr std::size_t kForms = 2048;

  const Form* find(ByteSpan bytes) const;
  DecodeStatus decode(ByteSpan bytes, Decoded& decoded, Plan& plan);
  void keep(const FormKey& key, const Decoded& decoded, const Plan& plan);

  HostRegisters registers_;
  ZeroedArray<Form> forms_;
};

}  // namespace orrery::hypervisor::soft::translate
