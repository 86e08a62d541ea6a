// SSE floating-point comparison, minimum and maximum (SDM vol. 2 under CMPPS, COMISS, MINPS).
#include "hypervisor/soft/interpret/simd/floating.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"
#include "hypervisor/soft/interpret/simd/shared.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using soft_float::Number;
using soft_float::Order;
using soft_float::QuietNans;
using soft_float::unpack;

// The orders for which each predicate of CMPPS holds, as bits by Order. SSE has the first eight;
// bit 4 of VCMPPS's predicate changes what a quiet NaN means, not the outcome.
constexpr unsigned kLess = 1u << static_cast<unsigned>(Order::kLess);
constexpr unsigned kEqual = 1u << static_cast<unsigned>(Order::kEqual);
constexpr unsigned kGreater = 1u << static_cast<unsigned>(Order::kGreater);
constexpr unsigned kUnordered = 1u << static_cast<unsigned>(Order::kUnordered);
constexpr unsigned kAllOrders = kLess | kEqual | kGreater | kUnordered;
constexpr unsigned kHolds[16] = {
    kEqual,                          // EQ
    kLess,                           // LT
    kLess | kEqual,                  // LE
    kUnordered,                      // UNORD
    kLess | kGreater | kUnordered,   // NEQ
    kEqual | kGreater | kUnordered,  // NLT
    kGreater | kUnordered,           // NLE
    kLess | kEqual | kGreater,       // ORD
    kEqual | kUnordered,             // EQ_UQ
    kLess | kUnordered,              // NGE
    kLess | kEqual | kUnordered,     // NGT
    0,                               // FALSE
    kLess | kGreater,                // NEQ_OQ
    kEqual | kGreater,               // GE
    kGreater,                        // GT
    kAllOrders,                      // TRUE
};

struct Compare {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits a, typename Format::Bits b,
                                  std::uint8_t immediate, Context& context) {
    const unsigned kind = immediate & 3u;
    const bool ordering = (kind == 1 || kind == 2) != ((immediate & 16u) != 0);
    const Order order =
        soft_float::compare(unpack<Format>(a, context), unpack<Format>(b, context),
                            ordering ? QuietNans::kInvalid : QuietNans::kAccepted, context);
    const bool holds = ((kHolds[immediate & 15u] >> static_cast<unsigned>(order)) & 1u) != 0;
    return holds ? static_cast<typename Format::Bits>(~typename Format::Bits{0}) : 0;
  }
};

// SSE looks at three bits of the predicate, AVX at five.
template <typename Operation>
bool select_compare(const Decoded& decoded, Instruction& record) {
  record.immediate &= is_vex(decoded) ? 31 : 7;
  return select_float<Operation>(decoded, record);
}

// The second operand where they are equal, both zero, or not ordered.
template <Order wanted>
struct Extremum {
  template <typename Format>
  static typename Format::Bits of(typename Format::Bits a, typename Format::Bits b,
                                  Context& context) {
    const Number x = unpack<Format>(a, context);
    const Number y = unpack<Format>(b, context);
    const bool first = soft_float::compare(x, y, QuietNans::kInvalid, context) == wanted;
    const Number& chosen = first ? x : y;
    // With DAZ the value of a denormal operand is zero.
    if (chosen.is_zero()) return Format::assemble(chosen.sign, 0, 0);
    return first ? a : b;
  }
};
using Minimum = Extremum<Order::kLess>;
using Maximum = Extremum<Order::kGreater>;

// COMISS, UCOMISS, COMISD, UCOMISD: ZF, PF and CF tell the order; OF, SF and AF are cleared.
template <typename Format, QuietNans quiet_nans, Form form, Source source>
void execute_order(Cpu& cpu, const Instruction& i) {
  using Bits = typename Format::Bits;
  require_vector<form>(cpu);
  const Xmm from = fetch_float<sizeof(Bits), source>(cpu, i);
  Context context = context_of(cpu);
  const Order order =
      soft_float::compare(unpack<Format>(xmm(cpu, i.destination).as<Bits>()[0], context),
                          unpack<Format>(from.as<Bits>()[0], context), quiet_nans, context);
  commit(cpu, context);
  constexpr std::uint64_t kAll = x86::rflags::kZero | x86::rflags::kParity | x86::rflags::kCarry;
  cpu.flags.set_bits(order == Order::kUnordered ? kAll
                     : order == Order::kLess    ? x86::rflags::kCarry
                     : order == Order::kEqual   ? x86::rflags::kZero
                                                : 0);
}

template <typename Format, QuietNans quiet_nans>
bool select_order(const Decoded& decoded, Instruction& record) {
  const bool selected = select_either(decoded, record, []<Form form, Source source>() -> Handler {
    return &step<execute_order<Format, quiet_nans, form, source>>;
  });
  record.destination = register_field(decoded, 0);
  return selected;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_CMPPS, select_compare<EachLane<Binary32, Compare>>},
    {ZYDIS_MNEMONIC_CMPPD, select_compare<EachLane<Binary64, Compare>>},
    {ZYDIS_MNEMONIC_CMPSS, select_compare<Scalar<Binary32, Compare>>},
    {ZYDIS_MNEMONIC_VCMPSD, select_compare<Scalar<Binary64, Compare>>},
    {ZYDIS_MNEMONIC_MINPS, select_float<EachLane<Binary32, Minimum>>},
    {ZYDIS_MNEMONIC_MINPD, select_float<EachLane<Binary64, Minimum>>},
    {ZYDIS_MNEMONIC_MINSS, select_float<Scalar<Binary32, Minimum>>},
    {ZYDIS_MNEMONIC_MINSD, select_float<Scalar<Binary64, Minimum>>},
    {ZYDIS_MNEMONIC_MAXPS, select_float<EachLane<Binary32, Maximum>>},
    {ZYDIS_MNEMONIC_MAXPD, select_float<EachLane<Binary64, Maximum>>},
    {ZYDIS_MNEMONIC_MAXSS, select_float<Scalar<Binary32, Maximum>>},
    {ZYDIS_MNEMONIC_MAXSD, select_float<Scalar<Binary64, Maximum>>},
    {ZYDIS_MNEMONIC_COMISS, select_order<Binary32, QuietNans::kInvalid>},
    {ZYDIS_MNEMONIC_COMISD, select_order<Binary64, QuietNans::kInvalid>},
    {ZYDIS_MNEMONIC_UCOMISS, select_order<Binary32, QuietNans::kAccepted>},
    {ZYDIS_MNEMONIC_UCOMISD, select_order<Binary64, QuietNans::kAccepted>},
};

}  // namespace

std::span<const Row> float_compare_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd

namespace orrery::hypervisor::soft {

bool select_scalar_double_compare(const Decoded& decoded, Instruction& record) {
  return simd::select_compare<simd::Scalar<simd::Binary64, simd::Compare>>(decoded, record);
}

}  // namespace orrery::hypervisor::soft
