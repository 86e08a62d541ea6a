#include "machine/acpi/aml.hpp"

#include <bit>
#include <initializer_list>
#include <string>

#include "base/assert.hpp"

namespace orrery::machine::acpi {
namespace {

enum Opcode : std::uint8_t {  // 20.3
  kZero = 0x00,
  kOne = 0x01,
  kName = 0x08,
  kByte = 0x0a,
  kWord = 0x0b,
  kDoubleWord = 0x0c,
  kQuadWord = 0x0e,
  kScope = 0x10,
  kBuffer = 0x11,
  kPackage = 0x12,
  kDualName = 0x2e,
  kMultiName = 0x2f,
  kExtended = 0x5b,
  kDevice = 0x82,  // after kExtended
};

void append(Code& code, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) code.push_back(static_cast<std::byte>(value >> i * 8));
}
void append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

Code joined(const Terms& terms) {
  Code code;
  for (const Code& term : terms) append(code, term);
  return code;
}

// 20.2.4: the length counts its own bytes.
Code with_length(const Code& body) {
  Code code;
  const std::size_t size = body.size();
  if (size + 1 < 0x40) {
    append(code, size + 1, 1);
  } else {
    const unsigned more = size + 2 < 0x1000 ? 1 : size + 3 < 0x10'0000 ? 2 : 3;
    const std::size_t total = size + 1 + more;
    append(code, more << 6 | (total & 0xf), 1);
    append(code, total >> 4, more);
  }
  append(code, body);
  return code;
}

// 20.2.2; segments shorter than four characters are padded with underscores.
Code name_string(std::string_view path) {
  Code code;
  if (path.starts_with('\\')) {
    append(code, '\\', 1);
    path.remove_prefix(1);
  }
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    std::string segment(path.substr(0, dot));
    ORRERY_ASSERT(segment.size() <= 4);
    segment.resize(4, '_');
    segments.push_back(segment);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  if (segments.size() == 2) append(code, kDualName, 1);
  if (segments.size() > 2) {
    append(code, kMultiName, 1);
    append(code, segments.size(), 1);
  }
  for (const std::string& segment : segments) {
    for (const char c : segment) append(code, static_cast<std::uint8_t>(c), 1);
  }
  return code;
}

Code term(std::initializer_list<std::uint8_t> opcode, const Code& body) {
  Code code;
  for (const std::uint8_t byte : opcode) append(code, byte, 1);
  append(code, body);
  return code;
}

Code named_block(std::initializer_list<std::uint8_t> opcode, std::string_view path,
                 const Terms& contents) {
  Code body = name_string(path);
  append(body, joined(contents));
  return term(opcode, with_length(body));
}

// Word, double-word and quad-word address space descriptors differ in the width of their numbers.
enum WindowKind : std::uint8_t { kMemoryRange = 0, kIoRange = 1, kBusNumberRange = 2 };

Code window(unsigned width, WindowKind kind, std::uint8_t type_flags, std::uint64_t first,
            std::uint64_t last) {
  constexpr std::uint8_t kProducerFixed = 0x0c;  // minimum and maximum are fixed
  const std::uint8_t tag = width == 2 ? 0x88 : width == 4 ? 0x87 : 0x8a;
  Code code;
  append(code, tag, 1);
  append(code, 3 + 5 * width, 2);
  append(code, kind, 1);
  append(code, kProducerFixed, 1);
  append(code, type_flags, 1);
  for (const std::uint64_t value :
       {std::uint64_t{0}, first, last, std::uint64_t{0}, last - first + 1}) {
    append(code, value, width);  // granularity, minimum, maximum, translation, length
  }
  return code;
}

}  // namespace

Code integer(std::uint64_t value) {
  Code code;
  if (value <= 1) {
    append(code, value == 0 ? kZero : kOne, 1);
  } else if (value <= 0xff) {
    append(code, kByte, 1);
    append(code, value, 1);
  } else if (value <= 0xffff) {
    append(code, kWord, 1);
    append(code, value, 2);
  } else if (value <= 0xffff'ffff) {
    append(code, kDoubleWord, 1);
    append(code, value, 4);
  } else {
    append(code, kQuadWord, 1);
    append(code, value, 8);
  }
  return code;
}

// Three letters of five bits each and four hexadecimal digits, big-endian.
Code eisa_id(std::string_view id) {
  ORRERY_ASSERT(id.size() == 7);
  const auto letter = [&](unsigned i) { return static_cast<std::uint32_t>(id[i] - '@') & 0x1f; };
  const auto product =
      static_cast<std::uint32_t>(std::stoul(std::string(id.substr(3)), nullptr, 16));
  const std::uint32_t value = letter(0) << 26 | letter(1) << 21 | letter(2) << 16 | product;
  Code code;
  append(code, kDoubleWord, 1);
  append(code, __builtin_bswap32(value), 4);
  return code;
}

Code package(const Terms& elements) {
  ORRERY_ASSERT(elements.size() <= 255);
  Code body;
  append(body, elements.size(), 1);
  append(body, joined(elements));
  return term({kPackage}, with_length(body));
}

Code name(std::string_view path, const Code& value) {
  Code body = name_string(path);
  append(body, value);
  return term({kName}, body);
}

Code scope(std::string_view path, const Terms& contents) {
  return named_block({kScope}, path, contents);
}

Code device(std::string_view path, const Terms& contents) {
  return named_block({kExtended, kDevice}, path, contents);
}

Code resources(const Terms& descriptors) {
  Code data = joined(descriptors);
  append(data, 0x0079, 2);  // end tag; checksum 0: not used
  Code body = integer(data.size());
  append(body, data);
  return term({kBuffer}, with_length(body));
}

Code io(std::uint16_t base, std::uint8_t size) {
  Code code;
  append(code, 0x47, 1);
  append(code, 1, 1);
  append(code, base, 2);
  append(code, base, 2);
  append(code, 1, 1);
  append(code, size, 1);
  return code;
}

Code irq(unsigned number) {
  Code code;
  append(code, 0x22, 1);
  append(code, 1u << number, 2);
  return code;
}

Code bus_numbers(std::uint16_t first, std::uint16_t last) {
  return window(2, kBusNumberRange, 0, first, last);
}
Code io_window(std::uint16_t first, std::uint16_t last) {
  return window(2, kIoRange, 3, first, last);  // the entire range: ISA and non-ISA
}
Code memory_window(std::uint32_t first, std::uint32_t last) {
  return window(4, kMemoryRange, 1, first, last);  // read/write, not cacheable
}
Code memory_window_64(std::uint64_t first, std::uint64_t last) {
  return window(8, kMemoryRange, 1, first, last);
}

}  // namespace orrery::machine::acpi
