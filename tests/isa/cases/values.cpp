#include "isa/cases/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/format.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "isa/sandbox.hpp"
#include "x86/flags.hpp"

namespace orrery::isa {
namespace {

constexpr std::array<std::string_view, 16> kGprNames = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                        "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                        "r12", "r13", "r14", "r15"};
struct FlagName {
  std::string_view name;
  std::uint64_t bit;
};
constexpr FlagName kFlagNames[] = {
    {"cf", x86::rflags::kCarry},          {"pf", x86::rflags::kParity},
    {"af", x86::rflags::kAdjust},         {"zf", x86::rflags::kZero},
    {"sf", x86::rflags::kSign},           {"df", x86::rflags::kDirection},
    {"of", x86::rflags::kOverflow},       {"nt", x86::rflags::kNestedTask},
    {"ac", x86::rflags::kAlignmentCheck}, {"id", x86::rflags::kId},
};
// IF is set in every test and not named.
constexpr std::uint64_t kUnnamedFlags = x86::rflags::kAlwaysOne | x86::rflags::kInterrupt;

constexpr FlagName kX87Conditions[] = {
    {"c0", 1u << 8}, {"c1", 1u << 9}, {"c2", 1u << 10}, {"c3", 1u << 14}};

constexpr std::array<std::string_view, 20> kExceptionNames = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "?9",
    "#TS", "#NP", "#SS", "#GP", "#PF", "?15", "#MF", "#AC", "#MC", "#XM"};

Result<std::uint64_t> parse_hex(std::string_view text) {
  const std::string_view digits = text.starts_with("0x") ? text.substr(2) : text;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return fail(format("'{}' is not a hexadecimal number", text));
  }
  return value;
}

// A number of up to 128 bits: low and high half.
Result<std::array<std::uint64_t, 2>> parse_wide(std::string_view text) {
  const std::string_view digits = text.starts_with("0x") ? text.substr(2) : text;
  if (digits.size() <= 16) {
    ORRERY_TRY(const std::uint64_t low, parse_hex(digits));
    return std::array<std::uint64_t, 2>{low, 0};
  }
  ORRERY_TRY(const std::uint64_t low, parse_hex(digits.substr(digits.size() - 16)));
  ORRERY_TRY(const std::uint64_t high, parse_hex(digits.substr(0, digits.size() - 16)));
  return std::array<std::uint64_t, 2>{low, high};
}

// "[data+10]" or "[stack-8]" as an offset into the data pages.
Result<std::size_t> parse_place(std::string_view name) {
  const std::size_t sign = name.find_first_of("+-");
  const std::string_view base = name.substr(1, std::min(sign, name.find(']')) - 1);
  std::uint64_t offset = 0;
  if (sign != std::string_view::npos) {
    ORRERY_TRY(offset, parse_hex(name.substr(sign + 1, name.find_first_of(":]") - sign - 1)));
    if (name[sign] == '-') offset = -offset;
  }
  if (base == "stack") offset += kStackTop - kDataBase;
  if ((base != "data" && base != "stack") || offset >= kDataSize) {
    return fail(format("'{}' is not a place in data or stack", name));
  }
  return offset;
}

Result<> assign_memory(Image& image, std::string_view name, std::string_view value) {
  ORRERY_TRY(std::size_t offset, parse_place(name));
  for (std::size_t i = 0; i + 1 < value.size(); i += 2) {
    ORRERY_TRY(const std::uint64_t byte, parse_hex(value.substr(i, 2)));
    if (offset >= kDataSize) return fail(format("'{}' leaves the data pages", name));
    image.data[offset++] = static_cast<std::byte>(byte);
  }
  return {};
}

Result<std::uint64_t> parse_flags(std::string_view text) {
  std::uint64_t flags = kUnnamedFlags;
  if (text == "-") return flags;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find('|'));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    const auto* known = std::ranges::find(kFlagNames, name, &FlagName::name);
    if (known == std::end(kFlagNames)) return fail(format("'{}' is not a flag", name));
    flags |= known->bit;
  }
  return flags;
}

// "#GP(0)", "#PF(6)@20002000", "#UD", or "int:21" for another vector.
Result<FaultReport> parse_fault(std::string_view text) {
  if (text.starts_with("int:")) {
    ORRERY_TRY(const std::uint64_t vector, parse_hex(text.substr(4)));
    return FaultReport{.exception = static_cast<x86::Exception>(vector)};
  }
  const auto* name = std::ranges::find(kExceptionNames, text.substr(0, 3));
  if (name == kExceptionNames.end()) return fail(format("'{}' is not an exception", text));
  FaultReport fault{.exception = static_cast<x86::Exception>(name - kExceptionNames.begin())};
  if (const auto open = text.find('('); open != std::string_view::npos) {
    ORRERY_TRY(const std::uint64_t code,
               parse_hex(text.substr(open + 1, text.find(')') - open - 1)));
    fault.error_code = static_cast<std::uint32_t>(code);
  }
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    ORRERY_TRY(fault.address, parse_hex(text.substr(at + 1)));
  }
  return fault;
}

// An index after a prefix: xmm12, st0, mm7.
std::optional<unsigned> numbered(std::string_view name, std::string_view prefix, unsigned count) {
  if (!name.starts_with(prefix)) return std::nullopt;
  unsigned number = count;
  const char* const end = name.data() + name.size();
  if (std::from_chars(name.data() + prefix.size(), end, number).ptr != end) return std::nullopt;
  return number < count ? std::optional(number) : std::nullopt;
}

FxImage::Register& mmx_register(FxImage& fx, unsigned number) {
  return fx.st[(number - fx.top()) & 7];
}

Result<bool> assign_vector(Image& image, std::string_view name, std::string_view value) {
  FxImage& fx = image.registers.fx;
  if (const auto number = numbered(name, "xmm", 16)) {
    ORRERY_TRY(fx.xmm[*number], parse_wide(value));
    return true;
  }
  if (const auto number = numbered(name, "ymm", 16)) {
    const std::string_view digits = value.starts_with("0x") ? value.substr(2) : value;
    const std::size_t low = std::min<std::size_t>(digits.size(), 32);
    const std::string_view high = digits.substr(0, digits.size() - low);
    ORRERY_TRY(fx.xmm[*number], parse_wide(digits.substr(digits.size() - low)));
    ORRERY_TRY(image.registers.upper[*number], parse_wide(high.empty() ? "0" : high));
    return true;
  }
  if (const auto number = numbered(name, "st", 8)) {
    ORRERY_TRY(const auto wide, parse_wide(value));
    fx.st[*number] = {.significand = wide[0], .sign_exponent = static_cast<std::uint16_t>(wide[1])};
    fx.valid = static_cast<std::uint8_t>(fx.valid | 1u << ((fx.top() + *number) & 7));
    return true;
  }
  if (const auto number = numbered(name, "mm", 8)) {
    ORRERY_TRY(const std::uint64_t bits, parse_hex(value));
    mmx_register(fx, *number) = {.significand = bits, .sign_exponent = 0xffff};
    fx.valid = 0xff;
    return true;
  }
  return false;
}

Result<bool> assign_control(Image& image, std::string_view name, std::string_view value) {
  FxImage& fx = image.registers.fx;
  if (name != "fcw" && name != "fsw" && name != "ftw" && name != "mxcsr") return false;
  ORRERY_TRY(const std::uint64_t number, parse_hex(value));
  if (name == "fcw") fx.control = static_cast<std::uint16_t>(number);
  if (name == "fsw") fx.status = static_cast<std::uint16_t>(number);
  if (name == "ftw") fx.valid = static_cast<std::uint8_t>(number);
  if (name == "mxcsr") fx.mxcsr = static_cast<std::uint32_t>(number);
  return true;
}

}  // namespace

Image default_image(Mode mode, std::uint64_t code_address) {
  Image image;
  Snapshot& registers = image.registers;
  const bool has_avx =
      hypervisor::soft::has_instruction_set(ZYDIS_ISA_EXT_AVX, ZYDIS_INSTRUCTION_ENCODING_VEX);
  for (unsigned i = 0; i < 16; ++i) {
    registers.gpr[i] = is_32bit(mode) ? i < 8 ? 0x5a5a'0000 + i : 0 : 0x5a5a'5a5a'5a5a'0000 + i;
    if (has_avx) registers.upper[i] = {0x5e5e'0000'0000'0000u + i, 0xe5e5'0000'0000'0000u + i};
    registers.fx.xmm[i] = {0x3c3c'0000'0000'0000u + i, 0xc3c3'0000'0000'0000u + i};
  }
  registers.gpr[4] = kStackTop;
  registers.rip = code_address;
  registers.rflags = kUnnamedFlags;
  image.data.resize(kDataSize);
  for (std::size_t i = 0; i < kDataSize; ++i) image.data[i] = static_cast<std::byte>(i);
  return image;
}

Result<> assign(Image& image, std::string_view name, std::string_view value,
                std::uint64_t code_address) {
  if (name.starts_with('[')) return assign_memory(image, name, value);
  if (const auto* gpr = std::ranges::find(kGprNames, name); gpr != kGprNames.end()) {
    ORRERY_TRY(image.registers.gpr[static_cast<std::size_t>(gpr - kGprNames.begin())],
               parse_hex(value));
    return {};
  }
  if (name == "flags") {
    ORRERY_TRY(image.registers.rflags, parse_flags(value));
    return {};
  }
  if (name == "fault") {
    ORRERY_TRY(image.fault, parse_fault(value));
    image.registers.rip = code_address;
    return {};
  }
  if (name == "rip") {
    ORRERY_TRY(const std::uint64_t offset, parse_hex(value));
    image.registers.rip = code_address + offset;
    return {};
  }
  ORRERY_TRY(const bool vector, assign_vector(image, name, value));
  if (vector) return {};
  ORRERY_TRY(const bool control, assign_control(image, name, value));
  if (control) return {};
  return fail(format("'{}' is not the name of a register", name));
}

Mask::Mask(Mode mode) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  const bool narrow = is_32bit(mode);
  for (unsigned i = 0; i < 16; ++i) {
    registers_.gpr[i] = !narrow ? kAll : i < 8 ? 0xffff'ffff : 0;
    const std::uint64_t lane = narrow && i >= 8 ? 0 : kAll;
    registers_.fx.xmm[i] = registers_.upper[i] = {lane, lane};
  }
  for (auto& st : registers_.fx.st) st = {.significand = kAll, .sign_exponent = 0xffff};
  registers_.fx.control = registers_.fx.status = 0xffff;
  registers_.fx.valid = 0xff;
  registers_.fx.mxcsr = 0xffff'ffff;
  registers_.rip = kAll;
  registers_.rflags = 0;
  for (const FlagName& flag : kFlagNames) registers_.rflags |= flag.bit;
}

Result<> Mask::ignore(std::string_view name) {
  if (name.starts_with('[')) {
    ORRERY_TRY(const std::size_t start, parse_place(name));
    std::uint64_t length = 1;
    if (const auto colon = name.find(':'); colon != std::string_view::npos) {
      ORRERY_TRY(length, parse_hex(name.substr(colon + 1, name.find(']') - colon - 1)));
    }
    ignored_data_.push_back({start, length});
    return {};
  }
  for (const FlagName& flag : kFlagNames) {
    if (flag.name == name) return ignore_flags(flag.bit), Result<>{};
  }
  for (const FlagName& condition : kX87Conditions) {
    if (condition.name == name) {
      return ignore_x87_status(static_cast<std::uint16_t>(condition.bit)), Result<>{};
    }
  }
  Image image;
  image.registers = registers_;
  const std::string_view zero = "0";
  const std::uint8_t valid = image.registers.fx.valid;
  ORRERY_CHECK(assign(image, name, zero, 0));
  if (name != "ftw") image.registers.fx.valid = valid;
  if (name.starts_with("mm")) {
    if (const auto number = numbered(name, "mm", 8)) image.registers.fx.st[*number] = {};
  }
  registers_ = image.registers;
  return {};
}

bool Mask::data_matters(std::size_t offset) const {
  for (const Range& range : ignored_data_) {
    if (offset - range.start < range.length) return false;
  }
  return true;
}

std::string flag_names(std::uint64_t flags) {
  std::string text;
  for (const FlagName& flag : kFlagNames) {
    if ((flags & flag.bit) == 0) continue;
    if (!text.empty()) text += '|';
    text += flag.name;
  }
  return text.empty() ? "-" : text;
}

std::string fault_name(const FaultReport& fault) {
  const auto vector = static_cast<std::size_t>(fault.exception);
  std::string text = vector < kExceptionNames.size() ? std::string(kExceptionNames[vector])
                                                     : format("int:{:x}", vector);
  if (x86::has_error_code(fault.exception)) text += format("({:x})", fault.error_code);
  if (fault.exception == x86::Exception::kPageFault) text += format("@{:#x}", fault.address);
  return text;
}

namespace {

class ChangeList {
 public:
  ChangeList(const Image& before, const Image& after, const Mask& mask)
      : before_(before), after_(after), mask_(mask) {}

  template <typename T>
  bool differs(T before, T after, T mask) const {
    return ((before ^ after) & mask) != 0;
  }
  template <typename T>
  void number(std::string_view name, T before, T after, T mask) {
    if (differs(before, after, mask)) texts.push_back(format("{}={:#x}", name, after));
  }

  void general() {
    const Snapshot& a = before_.registers;
    const Snapshot& b = after_.registers;
    const Snapshot& m = mask_.registers();
    for (unsigned i = 0; i < 16; ++i) {
      number(kGprNames[i], a.gpr[i], b.gpr[i] & m.gpr[i], m.gpr[i]);
    }
    if (differs(a.rflags, b.rflags, m.rflags)) {
      texts.push_back("flags=" + flag_names(b.rflags & m.rflags));
    }
  }

  void x87() {
    const FxImage& a = before_.registers.fx;
    const FxImage& b = after_.registers.fx;
    const FxImage& m = mask_.registers().fx;
    number<unsigned>("fcw", a.control, b.control, m.control);
    // The status word goes first: where ST(i) lies depends on it.
    number<unsigned>("fsw", a.status, b.status & m.status, m.status);
    std::uint8_t implied = a.valid;  // naming a register makes it valid
    for (unsigned i = 0; i < 8; ++i) {
      const bool significand =
          differs(a.st[i].significand, b.st[i].significand, m.st[i].significand);
      if (significand ||
          differs(a.st[i].sign_exponent, b.st[i].sign_exponent, m.st[i].sign_exponent)) {
        texts.push_back(
            format("st{}=0x{:04x}{:016x}", i, b.st[i].sign_exponent, b.st[i].significand));
        implied = static_cast<std::uint8_t>(implied | 1u << ((b.top() + i) & 7));
      }
    }
    number<unsigned>("ftw", implied, b.valid, m.valid);
  }

  void vectors() {
    const FxImage& a = before_.registers.fx;
    const FxImage& b = after_.registers.fx;
    const FxImage& m = mask_.registers().fx;
    for (unsigned i = 0; i < 16; ++i) {
      const auto& upper = after_.registers.upper[i];
      const auto& upper_before = before_.registers.upper[i];
      const auto& upper_mask = mask_.registers().upper[i];
      if (differs(upper_before[0], upper[0], upper_mask[0]) ||
          differs(upper_before[1], upper[1], upper_mask[1])) {
        texts.push_back(format("ymm{}=0x{:016x}{:016x}{:016x}{:016x}", i, upper[1], upper[0],
                               b.xmm[i][1], b.xmm[i][0]));
        continue;
      }
      if (differs(a.xmm[i][0], b.xmm[i][0], m.xmm[i][0]) ||
          differs(a.xmm[i][1], b.xmm[i][1], m.xmm[i][1])) {
        texts.push_back(format("xmm{}=0x{:016x}{:016x}", i, b.xmm[i][1], b.xmm[i][0]));
      }
    }
    number("mxcsr", a.mxcsr, b.mxcsr, m.mxcsr);
  }

  void data() {
    const std::size_t stack = kStackTop - kDataBase - 128;  // from here on named by the stack's top
    for (std::size_t i = 0; i < kDataSize; ++i) {
      if (!byte_differs(i)) continue;
      std::string bytes;
      const std::size_t start = i;
      for (; i < kDataSize && byte_differs(i); ++i) {
        bytes += format("{:02x}", static_cast<unsigned>(after_.data[i]));
      }
      const auto top = static_cast<std::int64_t>(start - (kStackTop - kDataBase));
      if (start < stack) {
        texts.push_back(format("[data+{:x}]={}", start, bytes));
      } else {
        texts.push_back(
            format("[stack{}{:x}]={}", top < 0 ? '-' : '+', top < 0 ? -top : top, bytes));
      }
    }
  }

  std::vector<std::string> texts;

 private:
  bool byte_differs(std::size_t i) const {
    return before_.data[i] != after_.data[i] && mask_.data_matters(i);
  }

  const Image& before_;
  const Image& after_;
  const Mask& mask_;
};

}  // namespace

std::vector<std::string> changes(const Image& before, const Image& after, const Mask& mask,
                                 std::uint64_t code_address) {
  ChangeList list(before, after, mask);
  if (after.fault) {
    list.texts.push_back("fault=" + fault_name(*after.fault));
    if (after.registers.rip != code_address) {
      list.texts.push_back(format("rip={:#x}", after.registers.rip - code_address));
    }
  }
  list.general();
  list.x87();
  list.vectors();
  if (before.data != after.data) list.data();
  return list.texts;
}

}  // namespace orrery::isa
