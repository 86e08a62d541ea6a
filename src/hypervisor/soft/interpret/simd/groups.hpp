// The groups that together are simd_rows().
#pragma once

#include <span>

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft::simd {

std::span<const Row> packed_arithmetic_rows();  // add, subtract, multiply, minimum, compare, ...
std::span<const Row> packed_logic_rows();       // AND, OR, shifts, PTEST
std::span<const Row> packed_shuffle_rows();     // unpack, pack, shuffle, blend, widen
std::span<const Row> move_rows();               // whole registers and parts of them
std::span<const Row> transfer_rows();           // between vectors and GPRs, masks, lanes
std::span<const Row> string_compare_rows();     // PCMPxSTRx
std::span<const Row> float_arithmetic_rows();   // ADDPS .. SQRTSD, DPPS
std::span<const Row> float_compare_rows();      // CMPPS .., COMISS .., MINPS ..
std::span<const Row> float_convert_rows();      // CVT.., ROUND..
std::span<const Row> crypto_rows();             // AES, PCLMULQDQ, SHA
std::span<const Row> avx_permute_rows();        // broadcasts, permutations, halves, shifts by lane
std::span<const Row> avx_masked_rows();         // VMASKMOV.., gathers, VZERO..
std::span<const Row> fused_rows();              // FMA
std::span<const Row> half_precision_rows();     // F16C
std::span<const Row> state_rows();              // FXSAVE, XSAVE, LDMXCSR, EMMS

}  // namespace orrery::hypervisor::soft::simd
