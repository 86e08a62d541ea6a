// Where the numbers lie in an instruction's bytes, behind its form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "hypervisor/soft/decode/form_key.hpp"
#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

struct FormNumbers {
  // Sizes are in bytes; 0: there is none.
  struct Number {
    std::uint8_t offset;
    std::uint8_t size;
    bool is_signed;

    std::uint64_t in(ByteSpan bytes) const;
  };
  Number displacement;
  Number immediate;
  bool is_relative;  // the immediate, a branch's distance
};

// Of DECODED, whose form is KEY; nothing where the bytes behind the key say more than numbers.
std::optional<FormNumbers> numbers_of(const FormKey& key, const Decoded& decoded);

// The place of a form in a table of COUNT entries, a power of two.
std::size_t form_place(const FormKey& key, std::size_t count);

}  // namespace orrery::hypervisor::soft
