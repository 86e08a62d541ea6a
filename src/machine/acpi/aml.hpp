// A builder of ACPI machine language: each function encodes one term and returns its bytes, so that
// a table reads like its source (ACPI 6.5, chapter 20).
//
//   scope("\\_SB", {device("RTC", {name("_HID", eisa_id("PNP0B00")),
//                                  name("_CRS", resources({io(0x70, 2), irq(8)}))})})
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace orrery::machine::acpi {

using Code = std::vector<std::byte>;
using Terms = std::vector<Code>;

Code integer(std::uint64_t value);    // 20.2.3, in its shortest form
Code eisa_id(std::string_view id);    // "PNP0A03" (19.3.4)
Code package(const Terms& elements);  // 20.2.5.4, at most 255
Code name(std::string_view path, const Code& value);
Code scope(std::string_view path, const Terms& contents);
Code device(std::string_view path, const Terms& contents);

// Resource descriptors (6.4) and the buffer that holds them.
Code resources(const Terms& descriptors);
Code io(std::uint16_t base, std::uint8_t size);  // fixed, 16 bits decoded
Code irq(unsigned number);                       // edge triggered, active high
// Windows that a bridge passes on (6.4.3.5).
Code bus_numbers(std::uint16_t first, std::uint16_t last);
Code io_window(std::uint16_t first, std::uint16_t last);
Code memory_window(std::uint32_t first, std::uint32_t last);
Code memory_window_64(std::uint64_t first, std::uint64_t last);

}  // namespace orrery::machine::acpi
