#include "isa/differential/inputs.hpp"

#include <cstring>

#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "isa/sandbox.hpp"
#include "x86/flags.hpp"

namespace orrery::isa::differential {
namespace {

constexpr std::uint64_t kIntegers[] = {0,
                                       1,
                                       2,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0x7fff,
                                       0x8000,
                                       0xffff,
                                       0x7fff'ffff,
                                       0x8000'0000,
                                       0xffff'ffff,
                                       0x7fff'ffff'ffff'ffff,
                                       0x8000'0000'0000'0000,
                                       ~std::uint64_t{0},
                                       ~std::uint64_t{1}};

// Zeros, ones, the least and greatest normals and denormals, infinities, NaNs, and integers at the
// edge of what converts.
constexpr std::uint32_t kSingles[] = {
    0,           0x8000'0000, 0x3f80'0000, 0xbf80'0000, 0x4000'0000, 0x3f00'0000, 0x0000'0001,
    0x807f'ffff, 0x0080'0000, 0x7f7f'ffff, 0xff7f'ffff, 0x7f80'0000, 0xff80'0000, 0x7fc0'0000,
    0xffc1'2345, 0x7f80'0001, 0xffbf'ffff, 0x4f00'0000, 0xcf00'0000, 0x4effffff,  0x3fc0'0000,
    0x4020'0000, 0x5f00'0000, 0x3eaa'aaab, 0x4048'f5c3};
constexpr std::uint64_t kDoubles[] = {0,
                                      0x8000'0000'0000'0000,
                                      0x3ff0'0000'0000'0000,
                                      0xbff0'0000'0000'0000,
                                      0x4000'0000'0000'0000,
                                      0x3fe0'0000'0000'0000,
                                      1,
                                      0x800f'ffff'ffff'ffff,
                                      0x0010'0000'0000'0000,
                                      0x7fef'ffff'ffff'ffff,
                                      0x7ff0'0000'0000'0000,
                                      0xfff0'0000'0000'0000,
                                      0x7ff8'0000'0000'0000,
                                      0xfff8'0000'0001'2345,
                                      0x7ff0'0000'0000'0001,
                                      0xfff7'ffff'ffff'ffff,
                                      0x41df'ffff'ffc0'0000,
                                      0xc1e0'0000'0000'0000,
                                      0x43e0'0000'0000'0000,
                                      0x3ff8'0000'0000'0000,
                                      0x4004'0000'0000'0000,
                                      0x36a0'0000'0000'0000,
                                      0x47ef'ffff'e000'0000,
                                      0x3fd5'5555'5555'5555};
constexpr FxImage::Register kExtended[] = {
    {0, 0, {}},
    {0, 0x8000, {}},
    {0x8000'0000'0000'0000, 0x3fff, {}},
    {0x8000'0000'0000'0000, 0xbfff, {}},
    {0x8000'0000'0000'0000, 0x4000, {}},
    {0x8000'0000'0000'0000, 0x3ffe, {}},
    {0x8000'0000'0000'0000, 0x7fff, {}},
    {0x8000'0000'0000'0000, 0xffff, {}},  // infinities
    {0xc000'0000'0000'0000, 0xffff, {}},
    {0xc000'0000'0012'3456, 0x7fff, {}},  // quiet NaNs
    {0x8000'0000'0000'0001, 0x7fff, {}},
    {0xa000'0000'0000'0000, 0xffff, {}},  // signalling NaNs
    {1, 0, {}},
    {0x7fff'ffff'ffff'ffff, 0x8000, {}},  // denormals
    {0x8000'0000'0000'0000, 0, {}},       // pseudo-denormal
    {0x4000'0000'0000'0000, 0x3fff, {}},
    {0, 0x7fff, {}},  // unsupported
    {0xffff'ffff'ffff'ffff, 0x7ffe, {}},
    {0x8000'0000'0000'0000, 1, {}},  // greatest, least
    {0xc000'0000'0000'0000, 0x4000, {}},
    {0xaaaa'aaaa'aaaa'aaab, 0x3ffd, {}},
    {0x8000'0000'0000'0000, 0xc03e, {}},
    {0xffff'ffff'ffff'fffe, 0x403d, {}},  // edges of int64
    {0xde0b'6b3a'763f'ffff, 0x403a, {}},  // edge of 18 digits
};

std::uint64_t random_integer(Random& random) {
  const std::uint64_t bits = random.next();
  switch (random.below(4)) {
    case 0: return random.pick(kIntegers);
    case 1: return bits & 0xff;
    case 2: return bits & 0xffff'ffff;
    default: return bits;
  }
}

std::uint32_t random_single(Random& random) {
  const auto bits = static_cast<std::uint32_t>(random.next());
  if (random.percent(50)) return random.pick(kSingles);
  // Exponents near each other, so that sums neither vanish nor overflow.
  return random.percent(70) ? (bits & 0x80ff'ffff) | 0x3f00'0000 : bits;
}

std::uint64_t random_double(Random& random) {
  const std::uint64_t bits = random.next();
  if (random.percent(50)) return random.pick(kDoubles);
  return random.percent(70) ? (bits & 0x801f'ffff'ffff'ffff) | 0x3fe0'0000'0000'0000 : bits;
}

std::uint64_t random_lane(Random& random) {
  switch (random.below(3)) {
    case 0: return random_double(random);
    case 1: return std::uint64_t{random_single(random)} << 32 | random_single(random);
    default: return random_integer(random);
  }
}

FxImage::Register random_extended(Random& random) {
  if (random.percent(50)) return random.pick(kExtended);
  const auto bits = static_cast<std::uint16_t>(random.next());
  const auto near = static_cast<std::uint16_t>((bits & 0x803f) + 0x3fe0);
  std::uint64_t significand = random.next() | std::uint64_t{1} << 63;
  if (random.percent(30)) significand &= ~std::uint64_t{0} << random.below(64);
  return {.significand = significand | std::uint64_t{1} << 63,
          .sign_exponent = random.percent(80) ? near : bits,
          .reserved = {}};
}

void fill_floating_point(FxImage& fx, Random& random) {
  const std::uint64_t bits = random.next();
  // Precision 01 is reserved; mostly all exceptions are masked.
  constexpr std::uint16_t kPrecisions[] = {0x000, 0x200, 0x300, 0x300};
  fx.control = static_cast<std::uint16_t>(0x40 | (bits & 0xc00) | random.pick(kPrecisions) |
                                          (random.percent(85) ? 0x3f : bits >> 16 & 0x3f));
  // No pending exception: flags only where their masks are set (ES and B stay clear).
  fx.status = static_cast<std::uint16_t>((bits >> 32 & 0x7f40) | (bits >> 48 & fx.control & 0x3f));
  fx.valid = random.percent(30) ? 0xff : static_cast<std::uint8_t>(bits >> 24);
  for (auto& st : fx.st) st = random_extended(random);
  fx.mxcsr = static_cast<std::uint32_t>((random.percent(85) ? 0x1f80 : bits >> 8 & 0x1f80) |
                                        (bits & 0x6000) | (random.percent(20) ? bits & 0x8040 : 0) |
                                        (bits >> 40 & 0x3f));
  for (auto& xmm : fx.xmm) xmm = {random_lane(random), random_lane(random)};
}

}  // namespace

Snapshot random_registers(Mode mode, std::uint64_t entry, Random& random) {
  Snapshot snapshot;
  for (unsigned i = 0; i < 16; ++i) {
    const std::uint64_t value = random_integer(random);
    snapshot.gpr[i] = !is_32bit(mode) ? value : i < 8 ? value & 0xffff'ffff : 0;
  }
  snapshot.gpr[4] = kStackTop;
  snapshot.rip = entry;
  snapshot.rflags = x86::rflags::kAlwaysOne | x86::rflags::kInterrupt |
                    (random.next() & (x86::rflags::kArithmetic | x86::rflags::kDirection));
  fill_floating_point(snapshot.fx, random);
  const bool has_avx =
      hypervisor::soft::has_instruction_set(ZYDIS_ISA_EXT_AVX, ZYDIS_INSTRUCTION_ENCODING_VEX);
  if (has_avx) {
    for (auto& upper : snapshot.upper) upper = {random_lane(random), random_lane(random)};
  }
  return snapshot;
}

DataPool::DataPool(Random& random) {
  constexpr std::size_t kPool = 64 * 1024;
  bytes_.resize(kPool);
  for (std::size_t at = 0; at < kPool;) {
    const std::uint64_t lane = random_lane(random);
    const FxImage::Register extended = random_extended(random);
    std::memcpy(bytes_.data() + at, &lane, sizeof lane);
    std::memcpy(bytes_.data() + at + 8, &lane, sizeof lane);
    // Now and then a whole 10-byte value, and packed decimals.
    if (random.percent(20)) std::memcpy(bytes_.data() + at, &extended, 10);
    at += 16;
  }
}

std::span<const std::byte> DataPool::window(Random& random) const {
  const std::size_t start = random.below((bytes_.size() - kDataSize) / 16) * 16;
  return std::span(bytes_).subspan(start, kDataSize);
}

}  // namespace orrery::isa::differential
