// AES, carry-less multiplication and SHA (SDM vol. 1, 12.13; vol. 2 under AES.., PCLMULQDQ, SHA..;
// FIPS 197, FIPS 180-4). Not constant-time: tables are indexed by the guest's secrets, which a
// translator that uses the host's own instructions does not do.
#include <bit>

#include "hypervisor/soft/interpret/simd/avx.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

// ---- AES. The state is a column-major matrix: byte 4c + r is row r of column c.

// Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
constexpr uint8_t doubled(uint8_t value) {
  return static_cast<uint8_t>((value << 1) ^ ((value & 0x80u) != 0 ? 0x1b : 0));
}

constexpr uint8_t product(uint8_t a, unsigned b) {
  uint8_t result = 0;
  for (; b != 0; b >>= 1, a = doubled(a)) {
    if ((b & 1u) != 0) result ^= a;
  }
  return result;
}

using Box = std::array<uint8_t, 256>;

// FIPS 197, 5.1.1: the inverse in the field, then an affine transformation.
constexpr Box kForward = [] {
  Box box{};
  // p runs through all powers of the generator 3, q through those of its inverse.
  uint8_t p = 1;
  uint8_t q = 1;
  do {
    p = static_cast<uint8_t>(p ^ doubled(p));
    q = static_cast<uint8_t>(q ^ (q << 1));
    q = static_cast<uint8_t>(q ^ (q << 2));
    q = static_cast<uint8_t>(q ^ (q << 4));
    if ((q & 0x80u) != 0) q ^= 0x09;
    box[p] = static_cast<uint8_t>(q ^ std::rotl(q, 1) ^ std::rotl(q, 2) ^ std::rotl(q, 3) ^
                                  std::rotl(q, 4) ^ 0x63);
  } while (p != 1);
  box[0] = 0x63;
  return box;
}();
constexpr Box kInverse = [] {
  Box box{};
  for (unsigned n = 0; n < 256; ++n) box[kForward[n]] = static_cast<uint8_t>(n);
  return box;
}();

using Bytes = Xmm::Lanes<uint8_t>;

enum class Direction : uint8_t { kEncrypt, kDecrypt };

// SubBytes and ShiftRows: row r moves left by r, or right by r back.
template <Direction direction>
Bytes substitute_and_shift(const Bytes& state) {
  constexpr const Box& kBox = direction == Direction::kEncrypt ? kForward : kInverse;
  Bytes result{};
  for (unsigned column = 0; column < 4; ++column) {
    for (unsigned row = 0; row < 4; ++row) {
      const unsigned from = direction == Direction::kEncrypt ? column + row : column + 4 - row;
      result[4 * column + row] = kBox[state[4 * (from % 4) + row]];
    }
  }
  return result;
}

// Each column times a circulant matrix whose first row is given.
template <Direction direction>
Bytes mix_columns(const Bytes& state) {
  constexpr std::array<unsigned, 4> kRow =
      direction == Direction::kEncrypt ? std::array{2u, 3u, 1u, 1u} : std::array{14u, 11u, 13u, 9u};
  Bytes result{};
  for (unsigned n = 0; n < 16; ++n) {
    for (unsigned k = 0; k < 4; ++k) {
      result[n] ^= product(state[(n & ~3u) + (n + k) % 4], kRow[k]);
    }
  }
  return result;
}

enum class Round : uint8_t { kMiddle, kLast };

template <Direction direction, Round round>
struct AesRound {
  static Xmm apply(Xmm state, Xmm key) {
    Bytes bytes = substitute_and_shift<direction>(state.as<uint8_t>());
    if constexpr (round == Round::kMiddle) bytes = mix_columns<direction>(bytes);
    const Xmm mixed = Xmm::from(bytes);
    return {{mixed.quads[0] ^ key.quads[0], mixed.quads[1] ^ key.quads[1]}};
  }
};

struct AesInverseMix {
  static Xmm apply(Xmm, Xmm source) {
    return Xmm::from(mix_columns<Direction::kDecrypt>(source.as<uint8_t>()));
  }
};

struct AesKeyAssist {
  static Xmm apply(Xmm, Xmm source, uint8_t round_constant) {
    const auto words = source.as<uint32_t>();
    const auto substituted = [](uint32_t word) {
      uint32_t result = 0;
      for (unsigned shift = 0; shift < 32; shift += 8) {
        result |= uint32_t{kForward[(word >> shift) & 0xff]} << shift;
      }
      return result;
    };
    const uint32_t first = substituted(words[1]);
    const uint32_t third = substituted(words[3]);
    return Xmm::from(Xmm::Lanes<uint32_t>{first, std::rotr(first, 8) ^ round_constant, third,
                                          std::rotr(third, 8) ^ round_constant});
  }
};

// ---- PCLMULQDQ: one quadword of each operand, by bits 0 and 4 of the immediate

struct CarrylessProduct {
  static Xmm apply(Xmm destination, Xmm source, uint8_t immediate) {
    const unsigned __int128 a = destination.quads[immediate & 1u];
    const uint64_t b = source.quads[(immediate >> 4) & 1u];
    unsigned __int128 result = 0;
    for (unsigned n = 0; n < 64; ++n) {
      if (((b >> n) & 1u) != 0) result ^= a << n;
    }
    return {{static_cast<uint64_t>(result), static_cast<uint64_t>(result >> 64)}};
  }
};

// ---- SHA-1. Words are kept with the first of them in the highest lane.

using Words = Xmm::Lanes<uint32_t>;

constexpr uint32_t choose(uint32_t b, uint32_t c, uint32_t d) {
  return (b & c) ^ (~b & d);
}
constexpr uint32_t majority(uint32_t b, uint32_t c, uint32_t d) {
  return (b & c) ^ (b & d) ^ (c & d);
}

// Four rounds of the kind that the immediate names. The source holds the message's words with E
// added to the first.
struct Sha1Rounds {
  static uint32_t mixed(unsigned kind, uint32_t b, uint32_t c, uint32_t d) {
    return kind == 0 ? choose(b, c, d) : kind == 2 ? majority(b, c, d) : b ^ c ^ d;
  }
  static Xmm apply(Xmm destination, Xmm source, uint8_t immediate) {
    constexpr std::array<uint32_t, 4> kConstants = {0x5a82'7999, 0x6ed9'eba1, 0x8f1b'bcdc,
                                                    0xca62'c1d6};
    const unsigned kind = immediate & 3u;
    const auto words = source.as<uint32_t>();
    auto [d, c, b, a] = destination.as<uint32_t>();
    uint32_t e = 0;
    for (unsigned n = 4; n-- > 0;) {
      const uint32_t next =
          mixed(kind, b, c, d) + std::rotl(a, 5) + words[n] + e + kConstants[kind];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    return Xmm::from(Words{d, c, b, a});
  }
};

struct Sha1NextE {
  static Xmm apply(Xmm destination, Xmm source) {
    auto words = source.as<uint32_t>();
    words[3] += std::rotl(destination.as<uint32_t>()[3], 30);
    return Xmm::from(words);
  }
};

struct Sha1Message1 {
  static Xmm apply(Xmm destination, Xmm source) {
    const auto w = destination.as<uint32_t>();
    const auto next = source.as<uint32_t>();
    return Xmm::from(Words{next[2] ^ w[0], next[3] ^ w[1], w[0] ^ w[2], w[1] ^ w[3]});
  }
};

struct Sha1Message2 {
  static Xmm apply(Xmm destination, Xmm source) {
    const auto w = destination.as<uint32_t>();
    const auto before = source.as<uint32_t>();
    Words result{};
    result[3] = std::rotl(w[3] ^ before[2], 1);
    result[2] = std::rotl(w[2] ^ before[1], 1);
    result[1] = std::rotl(w[1] ^ before[0], 1);
    result[0] = std::rotl(w[0] ^ result[3], 1);
    return Xmm::from(result);
  }
};

// ---- SHA-256 (FIPS 180-4, 4.1.2 and 6.2.2)

constexpr uint32_t message_sigma0(uint32_t x) {
  return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3);
}
constexpr uint32_t message_sigma1(uint32_t x) {
  return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10);
}

struct Sha256Message1 {
  static Xmm apply(Xmm destination, Xmm source) {
    const auto w = destination.as<uint32_t>();
    const uint32_t next = source.as<uint32_t>()[0];
    return Xmm::from(Words{w[0] + message_sigma0(w[1]), w[1] + message_sigma0(w[2]),
                           w[2] + message_sigma0(w[3]), w[3] + message_sigma0(next)});
  }
};

struct Sha256Message2 {
  static Xmm apply(Xmm destination, Xmm source) {
    auto w = destination.as<uint32_t>();
    const auto before = source.as<uint32_t>();
    w[0] += message_sigma1(before[2]);
    w[1] += message_sigma1(before[3]);
    w[2] += message_sigma1(w[0]);
    w[3] += message_sigma1(w[1]);
    return Xmm::from(w);
  }
};

// Two rounds; the destination holds C D G H, the source A B E F, XMM0 the words with constants.
Xmm sha256_rounds(Xmm destination, Xmm source, Xmm added) {
  auto [h, g, d, c] = destination.as<uint32_t>();
  auto [f, e, b, a] = source.as<uint32_t>();
  const auto words = added.as<uint32_t>();
  for (unsigned n = 0; n < 2; ++n) {
    const uint32_t first =
        choose(e, f, g) + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + words[n] + h;
    const uint32_t second =
        majority(a, b, c) + (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  return Xmm::from(Words{f, e, b, a});
}

template <Source source>
void execute_sha256_rounds(Cpu& cpu, const Instruction& i) {
  require_sse(cpu);
  const Xmm from = fetch<void, 16, source>(cpu, i);
  set_xmm(cpu, i.destination, sha256_rounds(xmm(cpu, i.destination), from, xmm(cpu, 0)));
}

bool select_sha256_rounds(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.handler = is_register(decoded, 1) ? &step<execute_sha256_rounds<Source::kRegister>>
                                           : &step<execute_sha256_rounds<Source::kMemory>>;
  return true;
}

template <Direction direction, Round round>
constexpr Selector kAesRound = select_xmm<AesRound<direction, round>>;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_AESENC, kAesRound<Direction::kEncrypt, Round::kMiddle>},
    {ZYDIS_MNEMONIC_AESENCLAST, kAesRound<Direction::kEncrypt, Round::kLast>},
    {ZYDIS_MNEMONIC_AESDEC, kAesRound<Direction::kDecrypt, Round::kMiddle>},
    {ZYDIS_MNEMONIC_AESDECLAST, kAesRound<Direction::kDecrypt, Round::kLast>},
    {ZYDIS_MNEMONIC_AESIMC, select_xmm<AesInverseMix>},
    {ZYDIS_MNEMONIC_AESKEYGENASSIST, select_xmm<AesKeyAssist>},
    {ZYDIS_MNEMONIC_PCLMULQDQ, select_xmm<CarrylessProduct>},
    {ZYDIS_MNEMONIC_SHA1RNDS4, select_xmm<Sha1Rounds>},
    {ZYDIS_MNEMONIC_SHA1NEXTE, select_xmm<Sha1NextE>},
    {ZYDIS_MNEMONIC_SHA1MSG1, select_xmm<Sha1Message1>},
    {ZYDIS_MNEMONIC_SHA1MSG2, select_xmm<Sha1Message2>},
    {ZYDIS_MNEMONIC_SHA256RNDS2, select_sha256_rounds},
    {ZYDIS_MNEMONIC_SHA256MSG1, select_xmm<Sha256Message1>},
    {ZYDIS_MNEMONIC_SHA256MSG2, select_xmm<Sha256Message2>},
};

}  // namespace

std::span<const Row> crypto_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
