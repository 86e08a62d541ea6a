// Decoded instructions by their form. Code has few forms, and most bytes that a guest executes for
// the first time are another instance of one that it has executed before: that takes a look here
// and the numbers out of the bytes, a twentieth of the time of a decoder. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/zeroed_array.hpp"
#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/decode/form_key.hpp"
#include "hypervisor/soft/decode/form_numbers.hpp"
#include "hypervisor/soft/decode/instruction.hpp"

namespace orrery::hypervisor::soft {

class FormCache {
 public:
  FormCache() : forms_(kForms) {}

  // The same as decode() of 64-bit code.
  DecodeStatus decode(ByteSpan bytes, std::uint16_t offset, Instruction& record);

 private:
  struct alignas(64) Form {
    std::uint64_t key;
    std::uint8_t key_size;  // 0: empty
    DecodeStatus status;
    FormNumbers numbers;
    Instruction record;
  };
  static_assert(std::is_trivially_destructible_v<Form>);

  // A compiler with its libraries and kernel has some twelve thousand.
  static constexpr std::size_t kForms = 16384;

  static bool fill(const Form& form, ByteSpan bytes, std::uint16_t offset, Instruction& record);
  void keep(const FormKey& key, const Decoded& decoded, DecodeStatus status,
            const Instruction& record);
  Form& place_of(const FormKey& key);

  ZeroedArray<Form> forms_;
};

}  // namespace orrery::hypervisor::soft
