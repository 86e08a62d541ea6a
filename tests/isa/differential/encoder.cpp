#include "isa/differential/encoder.hpp"

#include "isa/sandbox.hpp"

namespace orrery::isa::differential {
namespace {

void append32(std::vector<std::uint8_t>& bytes, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

// Legacy prefixes that any instruction may carry, in front of the form's own.
void append_prefixes(std::vector<std::uint8_t>& bytes, const Form& form, Mode mode,
                     Random& random) {
  constexpr std::uint8_t kSegments[] = {0x26, 0x2e, 0x36, 0x3e};
  const bool legacy = form.encoding == Encoding::kLegacy;
  if (form.memory && legacy && random.percent(4)) bytes.push_back(0xf0);
  if (form.memory && random.percent(3)) bytes.push_back(random.pick(kSegments));
  if (!is_32bit(mode) && random.percent(4)) bytes.push_back(0x67);
  if (!legacy) {
    const unsigned extensions = is_32bit(mode) ? 0 : static_cast<unsigned>(random.below(8));
    const auto registers = is_32bit(mode) ? 8u : 16u;
    const unsigned vvvv = form.takes_vvvv ? static_cast<unsigned>(random.below(registers)) : 0;
    for (const std::uint8_t byte : vex_prefix(form, extensions, vvvv)) bytes.push_back(byte);
    return;
  }
  if (form.prefix != 0) bytes.push_back(form.prefix);
}

void append_rex(std::vector<std::uint8_t>& bytes, const Form& form, Mode mode, Random& random) {
  if (is_32bit(mode)) return;
  if (!form.wide && random.percent(40)) return;
  const auto low = static_cast<std::uint8_t>(random.below(8));
  bytes.push_back(static_cast<std::uint8_t>(0x40 | (form.wide ? 8 : 0) | low));
}

// ModRM, SIB and displacement of a memory operand.
void append_memory(std::vector<std::uint8_t>& bytes, const Form& form, Mode mode, Random& random) {
  const auto reg = static_cast<std::uint8_t>(form.modrm & 0x38);
  const auto modrm = [&](unsigned mod, unsigned rm) {
    bytes.push_back(static_cast<std::uint8_t>(mod << 6 | reg | rm));
  };
  const auto displacement = static_cast<std::uint32_t>(random.between(-2048, 2047));
  if (random.percent(8)) {  // no base: absolute, or relative to RIP in 64-bit code
    modrm(0, 5);
    append32(bytes, is_32bit(mode) ? static_cast<std::uint32_t>(kDataBase) + 2048 + displacement
                                   : static_cast<std::uint32_t>(kDataBase - kCodeBase));
    return;
  }
  const auto mod = static_cast<unsigned>(random.below(3));
  auto rm = static_cast<unsigned>(random.below(8));
  if (mod == 0 && rm == 5) rm = 3;
  modrm(mod, rm);
  if (rm == 4) {
    auto sib = static_cast<std::uint8_t>(random.next());
    if (mod == 0 && (sib & 7) == 5) sib ^= 1;
    bytes.push_back(sib);
  }
  if (mod == 1) bytes.push_back(static_cast<std::uint8_t>(displacement));
  if (mod == 2) append32(bytes, displacement);
}

}  // namespace

std::vector<std::uint8_t> random_encoding(const Form& form, Mode mode, Random& random) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(24);
  append_prefixes(bytes, form, mode, random);
  if (form.encoding == Encoding::kLegacy) {
    append_rex(bytes, form, mode, random);
    if (form.map != Map::kOneByte) bytes.push_back(0x0f);
    if (form.map == Map::k0F38) bytes.push_back(0x38);
    if (form.map == Map::k0F3A) bytes.push_back(0x3a);
  }
  bytes.push_back(form.opcode);
  if (form.has_modrm && form.memory) {
    append_memory(bytes, form, mode, random);
  } else if (form.has_modrm) {
    const std::uint64_t rm = form.fixed_rm ? form.modrm & 7 : random.below(8);
    bytes.push_back(static_cast<std::uint8_t>((form.modrm & 0xf8) | rm));
  }
  // Immediates, as many as the form takes: small ones half of the time.
  const std::uint64_t immediate = random.percent(50) ? random.below(70) : random.next();
  for (unsigned i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(immediate >> 8 * i));
  }
  return bytes;
}

void append_move(std::vector<std::uint8_t>& bytes, Mode mode, unsigned gpr, std::int32_t value) {
  if (is_32bit(mode)) {
    bytes.push_back(static_cast<std::uint8_t>(0xb8 | gpr));
  } else {
    bytes.push_back(gpr >= 8 ? 0x49 : 0x48);
    bytes.push_back(0xc7);
    bytes.push_back(static_cast<std::uint8_t>(0xc0 | (gpr & 7)));
  }
  append32(bytes, static_cast<std::uint32_t>(value));
}

void append_store(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address,
                  std::int32_t value) {
  if (is_32bit(mode)) {
    bytes.insert(bytes.end(), {0xc7, 0x05});
  } else {
    bytes.insert(bytes.end(), {0x48, 0xc7, 0x04, 0x25});
  }
  append32(bytes, address);
  append32(bytes, static_cast<std::uint32_t>(value));
}

namespace {

// A memory operand that is an address alone, for the opcode extension in REG.
void append_absolute(std::vector<std::uint8_t>& bytes, Mode mode, unsigned reg,
                     std::uint32_t address) {
  const auto with_reg = [&](unsigned rm) { return static_cast<std::uint8_t>(reg << 3 | rm); };
  if (is_32bit(mode)) {
    bytes.push_back(with_reg(5));
  } else {
    bytes.insert(bytes.end(), {with_reg(4), 0x25});
  }
  append32(bytes, address);
}

}  // namespace

void append_load_control(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address) {
  bytes.push_back(0xd9);
  append_absolute(bytes, mode, 5, address);
}

void append_load_mxcsr(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address) {
  bytes.insert(bytes.end(), {0x0f, 0xae});
  append_absolute(bytes, mode, 2, address);
}

}  // namespace orrery::isa::differential
