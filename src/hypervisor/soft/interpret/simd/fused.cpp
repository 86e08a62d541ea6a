// FMA: a product and a sum with one rounding (SDM vol. 1, 14.5; vol. 2C under VFMADD..).
#include "hypervisor/soft/interpret/simd/floating.hpp"
#include "hypervisor/soft/interpret/simd/groups.hpp"

namespace orrery::hypervisor::soft::simd {

namespace {

using soft_float::unpack;

// The digits of a mnemonic name the operands in the order of factor, factor, addend: 1 is the
// destination, 2 the register, 3 what may be memory.
enum class Operands : std::uint8_t { k132, k213, k231 };

// What is negated, in even and in odd lanes.
struct Signs {
  bool product = false;
  bool addend = false;
  bool odd_addend = false;
};
constexpr Signs kAdd{false, false, false};
constexpr Signs kSubtract{false, true, true};
constexpr Signs kNegatedAdd{true, false, false};
constexpr Signs kNegatedSubtract{true, true, true};
constexpr Signs kAddSubtract{false, true, false};  // odd lanes added, even ones subtracted
constexpr Signs kSubtractAdd{false, false, true};

template <typename Format, Operands operands, Signs signs>
typename Format::Bits fused(typename Format::Bits first, typename Format::Bits second,
                            typename Format::Bits third, bool odd, Context& context) {
  const auto a = unpack<Format>(first, context);
  const auto b = unpack<Format>(second, context);
  const auto c = unpack<Format>(third, context);
  const soft_float::Negated negated{signs.product, odd ? signs.odd_addend : signs.addend};
  const soft_float::Exact result =
      operands == Operands::k132   ? soft_float::multiply_add(a, c, b, negated, context)
      : operands == Operands::k213 ? soft_float::multiply_add(b, a, c, negated, context)
                                   : soft_float::multiply_add(b, c, a, negated, context);
  return soft_float::pack<Format>(result, context);
}

template <typename Format, Operands operands, Signs signs, unsigned kBytes, Source source>
void execute_fused(Cpu& cpu, const Instruction& i) {
  require_avx(cpu);
  const auto third = fetch_parts<void, kBytes, source>(cpu, i);
  const auto second = parts_of<kBytes>(cpu, i.extra);
  auto parts = parts_of<kBytes>(cpu, i.destination);
  Context context = context_of(cpu);
  for (unsigned part = 0; part < parts.size(); ++part) {
    using Bits = typename Format::Bits;
    auto lanes = parts[part].template as<Bits>();
    const auto b = second[part].template as<Bits>();
    const auto c = third[part].template as<Bits>();
    for (unsigned n = 0; n < lanes.size(); ++n) {
      lanes[n] = fused<Format, operands, signs>(lanes[n], b[n], c[n], n % 2 != 0, context);
    }
    parts[part] = Xmm::from(lanes);
  }
  commit(cpu, context);
  set_parts<kBytes>(cpu, i.destination, parts);
}

template <typename Format, Operands operands, Signs signs, Source source>
void execute_fused_scalar(Cpu& cpu, const Instruction& i) {
  using Bits = typename Format::Bits;
  require_avx(cpu);
  const Bits third =
      source == Source::kMemory ? cpu.load<Bits>(i) : xmm(cpu, i.source).template as<Bits>()[0];
  auto lanes = xmm(cpu, i.destination).template as<Bits>();
  Context context = context_of(cpu);
  lanes[0] = fused<Format, operands, signs>(lanes[0], xmm(cpu, i.extra).template as<Bits>()[0],
                                            third, false, context);
  commit(cpu, context);
  put_xmm<Form::kVex>(cpu, i.destination, Xmm::from(lanes));
}

template <typename Format, Operands operands, Signs signs>
bool select_fused(const Decoded& decoded, Instruction& record) {
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_fused<Format, operands, signs, kBytes, source>>;
  });
}
template <typename Format, Operands operands, Signs signs>
bool select_fused_scalar(const Decoded& decoded, Instruction& record) {
  return select_vex_with(decoded, record, []<unsigned kBytes, Source source>() -> Handler {
    return &step<execute_fused_scalar<Format, operands, signs, source>>;  // VEX.L is ignored
  });
}

#define ORRERY_PACKED(name, order, signs)                                                  \
  {ZYDIS_MNEMONIC_##name##order##PS, select_fused<Binary32, Operands::k##order, signs>}, { \
    ZYDIS_MNEMONIC_##name##order##PD, select_fused<Binary64, Operands::k##order, signs>    \
  }
#define ORRERY_SCALAR(name, order, signs)                                                         \
  {ZYDIS_MNEMONIC_##name##order##SS, select_fused_scalar<Binary32, Operands::k##order, signs>}, { \
    ZYDIS_MNEMONIC_##name##order##SD, select_fused_scalar<Binary64, Operands::k##order, signs>    \
  }
#define ORRERY_ALL_ORDERS(kind, name, signs) \
  kind(name, 132, signs), kind(name, 213, signs), kind(name, 231, signs)

constexpr Row kRows[] = {
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFMADD, kAdd),
    ORRERY_ALL_ORDERS(ORRERY_SCALAR, VFMADD, kAdd),
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFMSUB, kSubtract),
    ORRERY_ALL_ORDERS(ORRERY_SCALAR, VFMSUB, kSubtract),
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFNMADD, kNegatedAdd),
    ORRERY_ALL_ORDERS(ORRERY_SCALAR, VFNMADD, kNegatedAdd),
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFNMSUB, kNegatedSubtract),
    ORRERY_ALL_ORDERS(ORRERY_SCALAR, VFNMSUB, kNegatedSubtract),
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFMADDSUB, kAddSubtract),
    ORRERY_ALL_ORDERS(ORRERY_PACKED, VFMSUBADD, kSubtractAdd),
};

#undef ORRERY_PACKED
#undef ORRERY_SCALAR
#undef ORRERY_ALL_ORDERS

}  // namespace

std::span<const Row> fused_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::simd
