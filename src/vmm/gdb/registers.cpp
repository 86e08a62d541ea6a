#include "vmm/gdb/registers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "base/format.hpp"

namespace orrery::vmm::gdb {
namespace {

using x86::CpuState;
using x86::Gpr;
using x86::SegmentRegister;

// The bytes of one register; sixteen are the most that one has.
using Value = std::array<std::byte, 16>;

struct Register {
  std::string name;
  unsigned bits;
  std::string_view type;
  Value (*read)(const CpuState& state, unsigned index);
  bool (*write)(CpuState& state, unsigned index, const Value& value);
  unsigned index;

  std::size_t bytes() const { return bits / 8; }
};

struct Feature {
  std::string_view name;
  std::string_view types;  // XML in front of the registers
  std::vector<Register> registers;
};

template <typename T>
Value value_of(const T& content) {
  Value value{};
  std::memcpy(value.data(), &content, sizeof content);
  return value;
}
template <typename T = std::uint64_t>
T number_of(const Value& value) {
  T number{};
  std::memcpy(&number, value.data(), sizeof number);
  return number;
}

// A register that is one member of the state.
template <auto Member>
Register plain(std::string name, unsigned bits, std::string_view type) {
  return {std::move(name),
          bits,
          type,
          [](const CpuState& state, unsigned) { return value_of(state.*Member); },
          [](CpuState& state, unsigned, const Value& value) {
            state.*Member = number_of<std::remove_reference_t<decltype(state.*Member)>>(value);
            return true;
          },
          0};
}
template <auto Member>
Register msr(std::string name) {
  return {std::move(name),
          64,
          "int64",
          [](const CpuState& state, unsigned) { return value_of(state.msrs.*Member); },
          [](CpuState& state, unsigned, const Value& value) {
            state.msrs.*Member = number_of(value);
            return true;
          },
          0};
}

Register general(std::string_view name, Gpr gpr) {
  const bool points = gpr == Gpr::kRsp || gpr == Gpr::kRbp;
  return {std::string(name),
          64,
          points ? "data_ptr" : "int64",
          [](const CpuState& state, unsigned index) { return value_of(state.gpr[index]); },
          [](CpuState& state, unsigned index, const Value& value) {
            state.gpr[index] = number_of(value);
            return true;
          },
          static_cast<unsigned>(gpr)};
}

// Without its descriptor, a selector cannot be changed.
Register selector(std::string_view name, SegmentRegister segment) {
  return {std::string(name),
          32,
          "int32",
          [](const CpuState& state, unsigned index) {
            return value_of(std::uint32_t{state.segments[index].selector});
          },
          [](CpuState& state, unsigned index, const Value& value) {
            return number_of<std::uint32_t>(value) == state.segments[index].selector;
          },
          static_cast<unsigned>(segment)};
}

Register base(std::string_view name, SegmentRegister segment) {
  return {
      std::string(name),
      64,
      "int64",
      [](const CpuState& state, unsigned index) { return value_of(state.segments[index].base); },
      [](CpuState& state, unsigned index, const Value& value) {
        state.segments[index].base = number_of(value);
        return true;
      },
      static_cast<unsigned>(segment)};
}

// ---- x87

unsigned physical(const CpuState& state, unsigned index) {
  return ((state.x87.status >> 11) + index) & 7;
}

Register stack_register(unsigned index) {
  return {format("st{}", index),
          80,
          "i387_ext",
          [](const CpuState& state, unsigned n) {
            const x86::Float80& content = state.x87.registers[physical(state, n)];
            Value value = value_of(content.significand);
            std::memcpy(value.data() + 8, &content.sign_exponent, 2);
            return value;
          },
          [](CpuState& state, unsigned n, const Value& value) {
            x86::Float80& content = state.x87.registers[physical(state, n)];
            content.significand = number_of(value);
            std::memcpy(&content.sign_exponent, value.data() + 8, 2);
            return true;
          },
          index};
}

// The tag word of FNSTENV, of which the state has only what is empty (11b).
std::uint32_t tag_word(const CpuState& state) {
  std::uint32_t tags = 0;
  for (unsigned n = 0; n < 8; ++n) {
    if ((state.x87.valid >> n & 1) == 0) tags |= 3u << (2 * n);
  }
  return tags;
}

void set_tag_word(CpuState& state, std::uint32_t tags) {
  state.x87.valid = 0;
  for (unsigned n = 0; n < 8; ++n) {
    if ((tags >> (2 * n) & 3) != 3) state.x87.valid |= static_cast<std::uint8_t>(1u << n);
  }
}

template <auto Member>
Register x87_word(std::string name) {
  using Word = std::remove_reference_t<decltype(std::declval<x86::X87>().*Member)>;
  return {std::move(name),
          32,
          "int",
          [](const CpuState& state, unsigned) {
            return value_of(static_cast<std::uint32_t>(state.x87.*Member));
          },
          [](CpuState& state, unsigned, const Value& value) {
            state.x87.*Member = static_cast<Word>(number_of<std::uint32_t>(value));
            return true;
          },
          0};
}

Register tag_register() {
  return {"ftag",
          32,
          "int",
          [](const CpuState& state, unsigned) { return value_of(tag_word(state)); },
          [](CpuState& state, unsigned, const Value& value) {
            set_tag_word(state, number_of<std::uint32_t>(value));
            return true;
          },
          0};
}

// ---- Vectors

template <unsigned FirstLane>
Register half_vector(std::string name, std::string_view type, unsigned index) {
  return {
      std::move(name),
      128,
      type,
      [](const CpuState& state, unsigned n) {
        return value_of(std::array{state.vectors[n][FirstLane], state.vectors[n][FirstLane + 1]});
      },
      [](CpuState& state, unsigned n, const Value& value) {
        const auto lanes = number_of<std::array<std::uint64_t, 2>>(value);
        std::ranges::copy(lanes, state.vectors[n].begin() + FirstLane);
        return true;
      },
      index};
}

// ---- The features

constexpr std::string_view kFlagsType = R"(<flags id="i386_eflags" size="4">
<field name="CF" start="0" end="0"/><field name="" start="1" end="1"/><field name="PF" start="2" end="2"/>
<field name="AF" start="4" end="4"/><field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/>
<field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/><field name="DF" start="10" end="10"/>
<field name="OF" start="11" end="11"/><field name="NT" start="14" end="14"/><field name="RF" start="16" end="16"/>
<field name="VM" start="17" end="17"/><field name="AC" start="18" end="18"/><field name="VIF" start="19" end="19"/>
<field name="VIP" start="20" end="20"/><field name="ID" start="21" end="21"/></flags>
)";

constexpr std::string_view kVectorTypes = R"(<vector id="v4f" type="ieee_single" count="4"/>
<vector id="v2d" type="ieee_double" count="2"/><vector id="v16i8" type="int8" count="16"/>
<vector id="v8i16" type="int16" count="8"/><vector id="v4i32" type="int32" count="4"/>
<vector id="v2i64" type="int64" count="2"/>
<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>
<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>
<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>
)";

Feature core() {
  Feature feature{"org.gnu.gdb.i386.core", kFlagsType, {}};
  auto& list = feature.registers;
  constexpr std::array<std::pair<std::string_view, Gpr>, 8> kFirst{{{"rax", Gpr::kRax},
                                                                    {"rbx", Gpr::kRbx},
                                                                    {"rcx", Gpr::kRcx},
                                                                    {"rdx", Gpr::kRdx},
                                                                    {"rsi", Gpr::kRsi},
                                                                    {"rdi", Gpr::kRdi},
                                                                    {"rbp", Gpr::kRbp},
                                                                    {"rsp", Gpr::kRsp}}};
  for (const auto& [name, gpr] : kFirst) list.push_back(general(name, gpr));
  for (unsigned n = 8; n < x86::kGprs; ++n) {
    list.push_back(general(format("r{}", n), static_cast<Gpr>(n)));
  }
  list.push_back(plain<&CpuState::rip>("rip", 64, "code_ptr"));
  list.push_back(plain<&CpuState::rflags>("eflags", 32, "i386_eflags"));
  list.push_back(selector("cs", SegmentRegister::kCs));
  list.push_back(selector("ss", SegmentRegister::kSs));
  list.push_back(selector("ds", SegmentRegister::kDs));
  list.push_back(selector("es", SegmentRegister::kEs));
  list.push_back(selector("fs", SegmentRegister::kFs));
  list.push_back(selector("gs", SegmentRegister::kGs));
  for (unsigned n = 0; n < 8; ++n) list.push_back(stack_register(n));
  list.push_back(x87_word<&x86::X87::control>("fctrl"));
  list.push_back(x87_word<&x86::X87::status>("fstat"));
  list.push_back(tag_register());
  list.push_back(x87_word<&x86::X87::last_instruction_selector>("fiseg"));
  list.push_back(x87_word<&x86::X87::last_instruction>("fioff"));
  list.push_back(x87_word<&x86::X87::last_operand_selector>("foseg"));
  list.push_back(x87_word<&x86::X87::last_operand>("fooff"));
  list.push_back(x87_word<&x86::X87::last_opcode>("fop"));
  return feature;
}

Feature vectors() {
  Feature feature{"org.gnu.gdb.i386.sse", kVectorTypes, {}};
  for (unsigned n = 0; n < 16; ++n) {
    feature.registers.push_back(half_vector<0>(format("xmm{}", n), "vec128", n));
  }
  feature.registers.push_back(plain<&CpuState::mxcsr>("mxcsr", 32, "int"));
  return feature;
}

Feature upper_vectors() {
  Feature feature{"org.gnu.gdb.i386.avx", {}, {}};
  for (unsigned n = 0; n < 16; ++n) {
    feature.registers.push_back(half_vector<2>(format("ymm{}h", n), "uint128", n));
  }
  return feature;
}

Feature segment_bases() {
  return {"org.gnu.gdb.i386.segments",
          {},
          {base("fs_base", SegmentRegister::kFs), base("gs_base", SegmentRegister::kGs)}};
}

Feature system_registers() {
  return {"orrery.system",
          {},
          {plain<&CpuState::cr0>("cr0", 64, "int64"), plain<&CpuState::cr2>("cr2", 64, "int64"),
           plain<&CpuState::cr3>("cr3", 64, "int64"), plain<&CpuState::cr4>("cr4", 64, "int64"),
           plain<&CpuState::efer>("efer", 64, "int64"),
           msr<&x86::Msrs::kernel_gs_base>("kernel_gs_base"), msr<&x86::Msrs::lstar>("lstar")}};
}

const std::vector<Feature>& features() {
  static const std::vector<Feature> all{core(), vectors(), upper_vectors(), segment_bases(),
                                        system_registers()};
  return all;
}

const std::vector<const Register*>& registers() {
  static const std::vector<const Register*> all = [] {
    std::vector<const Register*> list;
    for (const Feature& feature : features()) {
      for (const Register& one : feature.registers) list.push_back(&one);
    }
    return list;
  }();
  return all;
}

bool write_value(CpuState& state, const Register& target, std::string_view bytes) {
  if (bytes.size() != target.bytes()) return false;
  Value value{};
  std::memcpy(value.data(), bytes.data(), bytes.size());
  return target.write(state, target.index, value);
}

std::string describe(const Feature& feature) {
  std::string text = format("<feature name=\"{}\">\n{}", feature.name, feature.types);
  for (const Register& one : feature.registers) {
    text += format("<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"/>\n", one.name, one.bits, one.type);
  }
  return text + "</feature>\n";
}

}  // namespace

const std::string& target_description() {
  static const std::string text = [] {
    std::string xml =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
        "<architecture>i386:x86-64</architecture>\n";
    for (const Feature& feature : features()) xml += describe(feature);
    return xml + "</target>\n";
  }();
  return text;
}

std::size_t register_count() {
  return registers().size();
}

std::string read_register(const CpuState& state, std::size_t number) {
  const Register& wanted = *registers()[number];
  const Value value = wanted.read(state, wanted.index);
  return {reinterpret_cast<const char*>(value.data()), wanted.bytes()};
}

bool write_register(CpuState& state, std::size_t number, std::string_view bytes) {
  return write_value(state, *registers()[number], bytes);
}

std::string read_registers(const CpuState& state) {
  std::string bytes;
  for (std::size_t n = 0; n < register_count(); ++n) bytes += read_register(state, n);
  return bytes;
}

bool write_registers(CpuState& state, std::string_view bytes) {
  if (bytes.size() != read_registers(state).size()) return false;
  // Twice, for which registers st0 to st7 are follows from fstat, which comes behind them.
  for (unsigned pass = 0; pass < 2; ++pass) {
    std::size_t offset = 0;
    for (const Register* const one : registers()) {
      static_cast<void>(write_value(state, *one, bytes.substr(offset, one->bytes())));
      offset += one->bytes();
    }
  }
  return true;
}

}  // namespace orrery::vmm::gdb
